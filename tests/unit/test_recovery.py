"""What a partition does about an error: delivery law 9."""

import asyncio

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    ProducerFenced,
)

from stream_app.delivery.errors import ChainBroken, HandlerFailed, PartitionStopped
from stream_app.delivery.recovery import cancel_was_asked_for, what_stops


@pytest.mark.parametrize(
    "error",
    [
        KafkaConnectionError("no broker"), ProducerFenced(), OffsetOutOfRangeError({}), TimeoutError(),
        ConnectionResetError(), ChainBroken("T-0 starts at 5, expected 4"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_kafka_mends_is_tried_again(error: Exception) -> None:
    assert what_stops(error, "a source") is None


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (CorruptRecordException("checksum"), "T-0 is damaged: CorruptRecordException('checksum')"),
        (
            MessageSizeTooLargeError("1 MB"),
            "an output is larger than its topic takes: MessageSizeTooLargeError('1 MB')",
        ),
        (ValueError("a bug"), "delivery raised ValueError('a bug')"),
        (PartitionStopped("it is said", "do this"), "it is said"),
        (HandlerFailed("the handler raised", "report it"), "the handler raised"),
    ],
)
def test_what_nothing_mends_stops(error: Exception, why: str) -> None:
    stop = what_stops(error, "T-0")
    assert stop is not None and stop.why == why
    assert isinstance(error, ValueError) == (stop.__cause__ is error)


async def test_a_cancellation_is_asked_for_when_somebody_has_cancelled_the_task() -> None:
    async def ended_by(own: bool) -> bool:
        try:
            if own:
                raise asyncio.CancelledError
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return cancel_was_asked_for()
        return False

    assert not await asyncio.create_task(ended_by(own=True))
    waiting = asyncio.create_task(ended_by(own=False))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await waiting
