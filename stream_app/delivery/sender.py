"""The one producer of a worker for what its API writes into sources: acknowledged by Kafka, or said not to be.

Laws: idempotent and acks=all, so what is acknowledged is there once.  A record that was handed over cannot be taken
back: if its acknowledgement does not come in time it may still arrive, and its sender is told so; while there are such
records no other is taken.  Connects at the first record, again after an error.
Writes source topics.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs] untyped library

from stream_app.delivery.aiokafka_clients import cut_off, idempotent_producer
from stream_app.delivery.recovery import RETRIED

log = logging.getLogger(__name__)


class SourceRecord(NamedTuple):
    """A record for one partition of a source."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Unsent:
    """Kafka has not acknowledged; ``certain``: nothing was handed over, else it may still arrive."""

    certain: bool


@dataclass(slots=True)
class _Attempt:
    """What both sides of a send know: whether the producer has got something, whether nobody waits any more."""

    begun: bool = False
    given_up: bool = False


class Sender:
    """Sends records; ``client`` are the arguments that every aiokafka client gets."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._client = client
        self._producer: Any = None
        self._lock = asyncio.Lock()
        self._under_way: set[asyncio.Task[list[int]]] = set()
        self._overdue: set[asyncio.Task[list[int]]] = set()

    async def send(self, records: Sequence[SourceRecord], limit_seconds: float) -> list[int] | Unsent:
        """Send records and return their offsets, in order, when all are acknowledged."""
        if self._overdue:
            return Unsent(certain=True)
        attempt = _Attempt()
        sending = asyncio.ensure_future(self._send(records, attempt))
        self._under_way.add(sending)
        sending.add_done_callback(self._settled)
        await asyncio.wait([sending], timeout=limit_seconds)
        if not sending.done():
            attempt.given_up = True
            if attempt.begun:
                self._overdue.add(sending)
        elif not sending.cancelled():
            error = sending.exception()
            if error is None:
                return sending.result()
            if not isinstance(error, RETRIED):
                raise error
            log.warning("cannot write into sources: %r", error)
        return Unsent(certain=not attempt.begun)

    async def close(self) -> None:
        """Give the producer up; what is not acknowledged by then is uncertain."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        under_way = self._under_way - {asyncio.current_task()}
        await cut_off(producer)
        for sending in under_way:
            sending.cancel()  # its batches have nobody any more who would end them

    async def _send(self, records: Sequence[SourceRecord], attempt: _Attempt) -> list[int]:
        producer = await self._connected(attempt)
        sent: list[asyncio.Future[Any]] = []
        try:
            for topic in {record.topic for record in records}:
                await producer.partitions_for(topic)  # may wait for metadata; a send then hands over at once
            if attempt.given_up:
                raise TimeoutError("nobody waits for this record any more")
            attempt.begun = True
            for topic, partition, key, value in records:
                sent.append(await producer.send(topic, value, key, partition=partition))
            offsets = [acknowledged.offset for acknowledged in await asyncio.gather(*sent)]
            if min(offsets, default=0) < 0:
                raise KafkaError("acknowledged as a repeat, at an offset that the broker has forgotten")
            return offsets
        except RETRIED:
            if self._producer is producer and attempt.begun:
                await self.close()  # an idempotent producer that has failed once may go on failing
            raise

    async def _connected(self, attempt: _Attempt) -> Any:
        async with self._lock:
            if attempt.given_up:
                raise TimeoutError("nobody waits for this record any more")
            if self._producer is None:
                producer = idempotent_producer(self._client)
                try:
                    await producer.start()
                except BaseException:
                    await cut_off(producer)
                    raise
                self._producer = producer
            return self._producer

    def _settled(self, sending: "asyncio.Task[list[int]]") -> None:
        self._under_way.discard(sending)
        self._overdue.discard(sending)
        if not sending.cancelled():
            sending.exception()  # told where it was waited for, or too late to matter
