"""Builds record batches and hands them to an aiokafka producer ready-made; tunes what it does between transactions.

One of the places of aiokafka's private names (PRIVATE_NAMES), which `faust_seams.check_versions` checks at start.
What is private here has a public but slower way; the figures are in docs/performance.md.
"""
# pyright: basic

import asyncio
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiokafka.codec
import aiokafka.record._crecords.default_records as record_format
from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.producer.transaction_manager import TransactionManager

from stream_app.delivery.aiokafka_clients import retrieve

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = (
    (BatchBuilder, "close"),
    (AIOKafkaProducer, "_COMPRESSORS"),
    (record_format, "lz4_encode"),
    (sender, "BACKOFF_OVERRIDE"),
    (TransactionManager, "fatal_error"),
    (TransactionManager, "error_transaction"),
)
# lz4 at aiokafka's fixed level 9 costs 2-3 us a record; level 1 compresses nearly as well
FAST_LZ4 = functools.partial(aiokafka.codec.lz4_encode, level=1)
# How long aiokafka waits for the markers of its last transaction before it begins the next one: 20 ms, most of a
# small commit; the markers take 1-3 ms.
MARKERS_SECONDS = 0.004


def tune() -> None:
    """Compress with level 1 and begin transactions sooner from now on, in this process."""
    sender.BACKOFF_OVERRIDE = MARKERS_SECONDS
    setattr(record_format, "lz4_encode", FAST_LZ4)  # noqa: B010 - the stub has no such name


def build_batch(limit: int, compression: str | None, records: Any, first: int, timestamp: int) -> tuple[Any, int]:
    """Return (closed batch, index after its last record), filled from ``records[first:]`` up to ``limit`` bytes."""
    batch = BatchBuilder(limit, driver_codec(compression), is_transactional=1)
    add, at = batch._builder.append, first
    for key, value, headers in records[first:] if first else records:
        if add(at - first, timestamp, key, value, headers) is None:
            break
        at += 1
    batch._relative_offset = at - first
    batch.close()
    return batch, at


def driver_codec(compression: str | None) -> int:
    """Return the codec number that aiokafka's builder wants."""
    return 0 if compression is None else AIOKafkaProducer._COMPRESSORS[compression][1]


async def send_ready(producer: Any, batch: Any, topic: str, partition: int) -> "asyncio.Future[Any]":
    """Hand a ready-made batch over; the future ends with its delivery and is never reported as unretrieved."""
    sending: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
    sending.add_done_callback(retrieve)
    return sending


@contextmanager
def reason_told(producer: Any) -> Iterator[None]:
    """Raise why a transaction ended behind one's back: aiokafka says only that there is none, or asserts it.

    Its sender meets a fence between two sends; the next call then raises IllegalOperation or AssertionError.
    """
    # INVARIANT: a_fence_met_between_two_sends_is_a_fence
    try:
        yield
    except (IllegalOperation, AssertionError) as error:
        if (reason := _reason(producer)) is None:
            raise
        raise reason from error


def _reason(producer: Any) -> BaseException | None:
    ended: asyncio.Future[Any] | None = producer._txn_manager._transaction_waiter
    return ended.exception() if ended is not None and ended.done() and not ended.cancelled() else None
