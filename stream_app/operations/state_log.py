"""State as the changelog has it: the records of one partition, and where its last committed batch left it.

Laws: only committed records; what is read stands for exactly the batches up to the partition record in it, because a
batch writes its state in one transaction.
Reads the changelog; writes nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec
from aiokafka import TopicPartition

from schemas.journal import PARTITION_RECORD_KEY, PartitionRecord
from stream_app.operations.log_cursor import Client, cursor, settled_ends, starts


@dataclass(frozen=True, slots=True)
class StateLog:
    """Live state records of a partition, the changelog up to ``end``; ``record`` is None while there is none."""

    records: dict[bytes, bytes]
    end: int
    record: PartitionRecord | None


async def read_state(
    client: Client, changelog: str, partition: int, wanted: Callable[[bytes], bool] | None = None
) -> StateLog:
    """Return the state of a partition as of now; of the wanted keys and the partition record only, where told."""
    place = TopicPartition(changelog, partition)
    begin, end = (await starts(client, [place]))[place], (await settled_ends(client, [place]))[place]
    records: dict[bytes, bytes] = {}
    async with cursor(client, place, begin, end) as rows:
        async for row in rows.rest():
            if wanted is not None and row.key != PARTITION_RECORD_KEY and not wanted(row.key):
                continue
            if row.value is None:
                records.pop(row.key, None)
            else:
                records[row.key] = row.value
    raw = records.get(PARTITION_RECORD_KEY)
    return StateLog(records, end, None if raw is None else msgspec.json.decode(raw, type=PartitionRecord))


async def written_since(client: Client, changelog: str, partition: int, end: int, keys: Iterable[bytes]) -> set[bytes]:
    """Return those keys that were written after an end: compaction may have taken what they were before it."""
    place, wanted = TopicPartition(changelog, partition), set(keys)
    until = (await settled_ends(client, [place]))[place]
    async with cursor(client, place, end, until) as rows:
        return {row.key async for row in rows.rest()} & wanted
