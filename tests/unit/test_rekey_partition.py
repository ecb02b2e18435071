"""How a source partition forwards a take, without a broker."""

import asyncio
from typing import Any

from schemas.ingest import IngestProgress
from stream_app.delivery.aiokafka_fetch import Take, TopicPartition
from stream_app.delivery.aiokafka_records import Records
from stream_app.delivery.rekey import RekeyCounters, RekeyJob, Routed
from stream_app.delivery.rekey_offsets import Position
from stream_app.delivery.rekey_partition import Places, RekeyPartition
from tests.odd_batches import batch_of
from tests.unit.test_rekey_group import never

HEADERS: list[tuple[str, bytes | None]] = [("n", b"")] * 2_000


class Committing(RekeyPartition):
    """Commits nowhere."""

    async def _commit(self, places: Places, end: int, progress: IngestProgress) -> Position:
        return Position(end, progress)


async def test_a_take_of_many_headers_is_forwarded_with_breaths() -> None:
    routed_in_turn: list[int] = [0]

    def route(topic: str, partition: int, record: Any) -> Routed:
        routed_in_turn[-1] += 1
        return Routed("rekeyed", 0, (record.key, record.value, record.headers), True)

    async def count_turns() -> None:
        while True:
            routed_in_turn.append(0)
            await asyncio.sleep(0)

    job = RekeyJob(name="job", sources=("web",), client={}, route=route, witness=TopicPartition("journal", 0))
    partition = Committing(job, TopicPartition("web", 0), RekeyCounters(), never)
    answer = batch_of(0, [(b"1:42", b"{}", HEADERS)] * 7)
    take = Take("web", 0, 7, [Records(answer).plain.next_batch()], answer)
    counting = asyncio.ensure_future(count_turns())
    position = await partition._forward(take, Position(0, IngestProgress(1, 0)))
    counting.cancel()
    assert [count for count in routed_in_turn if count] == [3, 3, 1]
    assert (position.offset, position.progress.rekeyed, position.progress.gaps) == (7, 7, 0)
