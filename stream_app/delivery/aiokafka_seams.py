"""The only place that touches private names of aiokafka; `faust_seams.check_versions` checks them at start.

From aiokafka come whole record batches instead of record objects, ready-made batches for sending, and an end to a
producer that would wait for ever.  It is also where clients are made, as ``Any``: the library has no types.  Everything
private here has a public but slower way; the figures are in docs/performance.md.
"""
# pyright: basic

import asyncio
import contextlib
import functools
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiokafka.codec
import aiokafka.record._crecords.default_records as record_format
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = (
    (FetchResult, "check_assignment _update_position"),
    (Fetcher, "_get_actions_per_node"),
    (BatchBuilder, "close"),
    (AIOKafkaClient, "_metadata_update"),
    (AIOKafkaProducer, "_COMPRESSORS"),
    (record_format, "lz4_encode"),
    (sender, "BACKOFF_OVERRIDE"),
)
# lz4 at aiokafka's fixed level 9 costs 2-3 us a record; level 1 compresses nearly as well
FAST_LZ4 = functools.partial(aiokafka.codec.lz4_encode, level=1)
PREFETCH_SECONDS = 3600.0
SMALL_TAKE = 500
# How long aiokafka waits for the markers of its last transaction before it begins the next one: 20 ms, most of a
# small commit; the markers take 1-3 ms.
MARKERS_SECONDS = 0.004
_CLOSING: set[asyncio.Future[None]] = set()  # a task without a reference may vanish


@dataclass(slots=True)
class Take:
    """Whole record batches of one source; ``[start, end)`` are positions, markers and compacted offsets inside."""

    topic: str
    start: int
    end: int
    batches: list[Any]

    def records(self) -> Iterator[Any]:
        """Yield the records in order; the first batch may begin before ``start``."""
        for batch in self.batches:
            if batch.base_offset >= self.start:
                yield from batch
            else:
                yield from (record for record in batch if record.offset >= self.start)


class _Requests:
    """Decides what a fetcher asks for: as aiokafka does, but `fetch_beside` asks once while something is buffered."""

    def __init__(self, fetcher: Any) -> None:
        self.fetcher, self.usual = fetcher, fetcher._get_actions_per_node
        self.beside = False

    def __call__(self, assignment: Any) -> Any:
        beside, self.beside = self.beside, False
        if not beside:
            return self.usual(assignment)
        fetcher, wait = self.fetcher, self.fetcher._fetch_max_wait_ms
        held_up = [(result, result._backoff) for result in fetcher._records.values()]
        fetcher._fetch_max_wait_ms = 0  # a long poll would hold up the next page
        for result, _ in held_up:
            result._backoff = 0
        try:
            return self.usual(assignment)
        finally:
            fetcher._fetch_max_wait_ms = wait
            for result, backoff in held_up:
                result._backoff = backoff


def tune() -> None:
    """Compress with level 1 and begin transactions sooner from now on, in this process."""
    sender.BACKOFF_OVERRIDE = MARKERS_SECONDS
    setattr(record_format, "lz4_encode", FAST_LZ4)  # noqa: B010 - the stub has no such name


async def start_reader(client: Mapping[str, Any], fetch_bytes: int) -> Any:
    """Return a started consumer without a group.

    It fetches again only when all that is buffered has been taken, or by `fetch_beside`: a long poll must not hold up a
    busy source.
    """
    consumer: Any = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none",
        max_partition_fetch_bytes=fetch_bytes, fetch_max_wait_ms=500, **client,
    )  # fmt: skip
    await started(consumer)
    consumer._fetcher._prefetch_backoff = PREFETCH_SECONDS
    consumer._fetcher._get_actions_per_node = _Requests(consumer._fetcher)
    return consumer


async def started(consumer: Any) -> None:
    """Start a consumer; one that cannot start, or is cancelled while it does, is closed."""
    try:
        await consumer.start()
    except BaseException:
        await stop_consumer(consumer)
        raise


async def partition_counts(consumer: Any, topics: Iterable[str]) -> dict[str, int]:
    """Return how many partitions each topic has, from metadata of this moment; 0 for one that does not exist."""
    wanted, now = sorted(topics), ClusterMetadata()
    await consumer._client._metadata_update(now, wanted)  # the public way knows assigned topics only, and maybe not yet
    return {topic: len(now.partitions_for_topic(topic) or ()) for topic in wanted}


def restore_consumer(client: Mapping[str, Any], group: str) -> Any:
    """Return a consumer to assign, never to subscribe; it has the group only to read committed offsets."""
    return AIOKafkaConsumer(
        group_id=group, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none",
        max_partition_fetch_bytes=4 << 20, fetch_max_wait_ms=100, **client,
    )  # fmt: skip


def transactional_producer(client: Mapping[str, Any], transactional_id: str, timeout_ms: int, max_bytes: int) -> Any:
    """Return a producer whose start initialises the transactional id: it fences whoever had it."""
    return AIOKafkaProducer(
        transactional_id=transactional_id, transaction_timeout_ms=timeout_ms, acks="all", linger_ms=0,
        request_timeout_ms=20_000, retry_backoff_ms=20, max_request_size=max_bytes, **client,
    )  # fmt: skip


def idempotent_producer(client: Mapping[str, Any]) -> Any:
    """Return a producer of single records: what it is told is acknowledged is there once."""
    return AIOKafkaProducer(
        enable_idempotence=True, acks="all", linger_ms=0, max_batch_size=128 * 1024, max_request_size=1 << 20,
        request_timeout_ms=20_000, retry_backoff_ms=20, **client,
    )  # fmt: skip


def fetch_waiter(consumer: Any) -> "asyncio.Future[None]":
    """Return a future that ends when something has been fetched, or an error is to be raised."""
    return consumer._fetcher._create_fetch_waiter()


def last_fetch(consumer: Any, tp: TopicPartition) -> tuple[int | None, int | None]:
    """Return (high watermark, milliseconds when it was learnt) of the last fetch answer of a partition."""
    state = consumer._subscription.subscription.assignment.state_value(tp)
    return state.highwater, state.timestamp


def _data_batches(part: Any) -> Iterator[tuple[Any | None, int]]:
    """Yield (batch, position after it); None for markers and aborted batches."""
    # INVARIANT: aborted_records_are_never_applied_and_markers_are_gaps
    while part._records.has_next():
        batch = part._records.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"checksum of the batch at offset {batch.base_offset} is wrong")
        shown = True
        if batch.producer_id is not None:
            part._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and part._contains_abort_marker(batch):
                part._aborted_producers.discard(batch.producer_id)
            shown = not (batch.is_transactional and batch.producer_id in part._aborted_producers)
        yield (batch if shown and not batch.is_control_batch else None), batch.next_offset


def take_buffered(consumer: Any, tp: TopicPartition, max_records: int) -> Take | None:
    """Take about ``max_records`` records (whole batches) out of what is fetched; None when nothing is.

    After a take of some size the next page is fetched while it is applied.  After a small one that would fetch the
    first record to come and let it wait for the whole commit; `fetch_more` after the commit gets all that came.
    """
    fetcher = consumer._fetcher
    if consumer._closed or fetcher._closed:
        raise ConsumerStoppedError
    result: Any = fetcher._records.get(tp)
    if result is None:
        return None
    failed = not isinstance(result, FetchResult)
    if failed or not result.check_assignment(tp):
        del fetcher._records[tp]
        fetch_more(consumer)
        if failed:
            result.check_raise()
        return None
    part: Any = result._partition_records
    if not hasattr(part, "data_batches"):
        part.data_batches = _data_batches(part)
    take, count = Take(tp.topic, part.next_fetch_offset, part.next_fetch_offset, []), 0
    for batch, end in part.data_batches:
        take.end = part.next_fetch_offset = end
        if batch is not None:
            take.batches.append(batch)
            count += batch.last_offset_delta + 1
            if count >= max_records:
                break
    result._update_position()
    if not part._records.has_next():
        del fetcher._records[tp]
        if count >= SMALL_TAKE:
            fetch_more(consumer)
    return take if take.end > take.start else None


def fetch_more(consumer: Any) -> None:
    """Let the fetcher look again for what it may fetch."""
    fetcher = consumer._fetcher
    fetcher._notify(fetcher._wait_consume_future)


def fetch_beside(consumer: Any) -> None:
    """Fetch, without waiting, what sources have of which nothing is buffered, while another's page is applied."""
    fetcher = consumer._fetcher
    if fetcher._records:
        fetcher._get_actions_per_node.beside = True
        fetch_more(consumer)


def fetch_meanwhile(consumer: Any) -> None:
    """Fetch while a batch without records is committed; no long poll where it would hold up what is buffered."""
    if consumer._fetcher._records:
        fetch_beside(consumer)
    else:
        fetch_more(consumer)


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
    sending.add_done_callback(_retrieve)
    return sending


def _retrieve(future: "asyncio.Future[Any] | None") -> None:
    """Take note of a future's error, so that asyncio does not log it when the future goes."""
    if future is not None and future.done() and not future.cancelled():
        future.exception()


async def cut_off(producer: Any, limit_seconds: float = 2.0) -> None:
    """Stop a producer; one that waits for undeliverable batches is cut off after the limit."""
    await _whole(_cut_off(producer, limit_seconds))


async def _cut_off(producer: Any, limit_seconds: float) -> None:
    try:
        await asyncio.wait_for(producer.stop(), limit_seconds)
    except Exception:
        sender = producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.client.close(), limit_seconds)
    # a fenced or failed sender leaves its error in these too; the batches' own futures have told it
    _retrieve(producer._txn_manager._transaction_waiter)
    for batches in producer._message_accumulator._batches.values():
        for batch in batches:
            _retrieve(batch._drain_waiter)


async def _whole(closing: Coroutine[Any, Any, None]) -> None:
    """Run a bounded end to its end, whatever becomes of the caller: half closed clients keep sockets and tasks."""
    task = asyncio.ensure_future(closing)
    _CLOSING.add(task)
    task.add_done_callback(_CLOSING.discard)
    await asyncio.shield(task)


async def stop_consumer(consumer: Any, limit_seconds: float = 5.0) -> None:
    """Stop a consumer within about twice the limit.

    In aiokafka 0.14 a fetch in its retry pause lets its CancelledError out of stop(), as if the caller had been
    cancelled, and the client stays open; a task of its own keeps the two apart.
    """
    await _whole(_stop_consumer(consumer, limit_seconds))


async def _stop_consumer(consumer: Any, limit_seconds: float) -> None:
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping], timeout=limit_seconds)
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        stopping.cancel()
        await asyncio.wait([stopping, asyncio.ensure_future(consumer._client.close())], timeout=limit_seconds)
