"""What a member of the ingest group does about an error, without a broker."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException, KafkaConnectionError

from stream_app.delivery import rekey_group
from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.rekey import RekeyJob
from stream_app.delivery.rekey_group import RekeyGroup
from tests.connected.waiting import until

ERRORS = [
    ValueError("a bug"), KafkaConnectionError("no broker"), asyncio.CancelledError(), CorruptRecordException("bytes"),
]  # fmt: skip


def never(*_: object) -> Any:
    raise AssertionError("nothing is routed")


class Paused:
    """A consumer that is told to fetch nothing."""

    def pause(self, *_: object) -> None:
        pass


class Member(RekeyGroup):
    """Its memberships end with one error after the other; then it stays."""

    def __init__(self, *errors: BaseException) -> None:
        super().__init__(
            RekeyJob(name="job", sources=("web",), client={}, route=never, witness=TopicPartition("journal", 0))
        )
        self.errors = list(errors)
        self.memberships = 0
        self._consumer = Paused()

    async def _member(self) -> None:
        self.memberships += 1
        if self.errors:
            raise self.errors.pop(0)
        await self.on_partitions_assigned([])
        while not self._stopping:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_whatever_ends_a_membership_of_ingest_it_joins_again(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Its task died in silence, and the worker kept saying that it had not joined its group yet."""
    member = Member(error)
    await member.start()
    said = f"ingest joins again after {error!r}"
    await until(lambda: member.why_not() == said)
    await until(lambda: member.why_not() is None)
    assert member.memberships == 2
    (record,) = [record for record in caplog.records if record.name == rekey_group.__name__]
    assert record.getMessage() == said
    unexpected = isinstance(error, ValueError | CorruptRecordException)
    assert (record.levelname, bool(record.exc_info)) == (("ERROR", True) if unexpected else ("WARNING", False))
    await member.stop()


async def test_a_member_that_is_told_to_stop_does_not_join_again() -> None:
    member = Member()
    await member.start()
    await until(lambda: member.why_not() is None)
    await member.stop()
    assert member.memberships == 1
    assert member._task is not None and member._task.done()
