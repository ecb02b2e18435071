"""Makes aiokafka's clients and ends them, also when they would wait for ever or the caller is cancelled.

One of the places of aiokafka's private names (PRIVATE_NAMES), which `faust_seams.check_versions` checks at start.
Clients are ``Any``: the library has no types.
"""
# pyright: basic

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = ((AIOKafkaClient, "_metadata_update"),)
_CLOSING: set[asyncio.Future[None]] = set()  # a task without a reference may vanish


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
    retrieve(producer._txn_manager._transaction_waiter)
    for batches in producer._message_accumulator._batches.values():
        for batch in batches:
            retrieve(batch._drain_waiter)


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


async def _whole(closing: Coroutine[Any, Any, None]) -> None:
    """Run a bounded end to its end, whatever becomes of the caller: half closed clients keep sockets and tasks."""
    task = asyncio.ensure_future(closing)
    _CLOSING.add(task)
    task.add_done_callback(_CLOSING.discard)
    await asyncio.shield(task)


def retrieve(future: "asyncio.Future[Any] | None") -> None:
    """Take note of a future's error, so that asyncio does not log it when the future goes."""
    if future is not None and future.done() and not future.cancelled():
        future.exception()
