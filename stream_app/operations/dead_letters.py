"""Dead letters read back: which record each was, why it was refused, and how to send it again.

Laws: a redrive sends key, value and headers as received, with ``leadstream-redrive-count`` one higher; a value that was
cut (too_large) cannot be sent again from here.  A redrive is acknowledged, not exactly once: an interrupted one may be
repeated, and the engine's own dedupe of event ids decides.  However many there are, one is held at a time.
Reads ``dead-letters``; writes the topics that they came from.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappush, heapreplace
from operator import itemgetter
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from stream_app.operations.log_cursor import Client, cursor, settled_ends, starts
from stream_app.operations.shown import safe_text, shown_time
from stream_app.processing.dead_letters import ERRORS, ORIGINAL_LENGTH, REASON, REDRIVE_COUNT, redrives

HeaderList = list[tuple[str, bytes | None]]
Retained = Mapping[TopicPartition, tuple[int, int]]
SHOWN_VALUE: Final = 4000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of ``dead-letters``; ``ref`` is its ``partition:offset``, ``origin`` where it was received."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: HeaderList

    @property
    def ref(self) -> str:
        return f"{self.partition}:{self.offset}"

    def said(self, name: str) -> str:
        """Return the last header of a name as text, empty when there is none."""
        found = [value for header, value in self.headers if header == name]
        return safe_text(found[-1]) or "" if found else ""

    @property
    def reason(self) -> str:
        return self.said(REASON)

    @property
    def source(self) -> TopicPartition:
        number = self.said(f"{ERRORS}partition")
        return TopicPartition(self.said(f"{ERRORS}topic"), int(number) if number.isdecimal() else -1)

    @property
    def origin(self) -> str:
        return f"{self.source.topic}-{self.source.partition}-{self.said(f'{ERRORS}offset')}"

    def redrive_headers(self) -> HeaderList:
        """Return the headers as received, and the count of redrives with this one in it."""
        names = [name for name, _ in self.headers]
        added = len(names) - 1 - names[::-1].index(f"{ERRORS}topic") if f"{ERRORS}topic" in names else len(names)
        received = [header for header in self.headers[:added] if header[0] != REDRIVE_COUNT]
        return [*received, (REDRIVE_COUNT, b"%d" % (redrives(self.headers) + 1))]

    @property
    def likeness(self) -> bytes:
        """A hash that all dead letters of the same bytes from the same topic have, whatever became of them since."""
        received = [self.source.topic, self.key, self.value, self.redrive_headers()[:-1]]
        if self.key is None:
            received.append(self.source.partition)
        return blake2b(msgspec.msgpack.encode(received), digest_size=16).digest()

    def refused(self, sources: Sequence[str]) -> str | None:
        """Return why it cannot be sent again, None when it can."""
        if self.said(ORIGINAL_LENGTH) and self.reason == "too_large":
            return f"its value was cut: read the whole from {self.origin}"
        if self.source.topic not in sources:
            return f"{self.source.topic or 'its origin'} is no source of this application"
        return None

    def shown(self) -> dict[str, Any]:
        """Return a row for people: without value and headers."""
        return {
            "ref": self.ref, "at": shown_time(self.timestamp), "reason": self.reason, "origin": self.origin,
            "key": safe_text(self.key, 200), "message": self.said(f"{ERRORS}message"),
            "redriveCount": redrives(self.headers),
        }  # fmt: skip

    def shown_whole(self) -> dict[str, Any]:
        """Return everything as safe text, the value up to a limit."""
        return {
            **self.shown(), "headers": [[safe_text(n.encode()), safe_text(v, SHOWN_VALUE)] for n, v in self.headers],
            "value": safe_text(self.value, SHOWN_VALUE), "valueBytes": None if self.value is None else len(self.value),
        }  # fmt: skip


async def retained(client: Client, topic: str, partitions: Sequence[int]) -> Retained:
    """Return where the dead letters of the partitions begin and end as of now."""
    places = [TopicPartition(topic, number) for number in partitions]
    begin, end = await starts(client, places), await settled_ends(client, places)
    return {place: (begin[place], end[place]) for place in places}


async def read_dead_letters(client: Client, where: Retained) -> AsyncIterator[DeadLetter]:
    """Yield every dead letter of these ranges, oldest first in each partition."""
    for place, (begin, end) in where.items():
        async with cursor(client, place, begin, end) as rows:
            async for row in rows.rest():
                headers = [tuple(header) for header in row.headers]
                yield DeadLetter(row.partition, row.offset, row.timestamp, row.key, row.value, headers)


async def find(client: Client, topic: str, refs: Sequence[tuple[int, int]]) -> AsyncIterator[DeadLetter]:
    """Yield those of the named dead letters, by partition and offset, that are there, reading nothing else."""
    there = await retained(client, topic, sorted({partition for partition, _ in refs}))
    for partition, offset in refs:
        begin, end = there[place := TopicPartition(topic, partition)]
        if begin <= offset < end:
            async for letter in read_dead_letters(client, {place: (offset, offset + 1)}):
                yield letter


async def newest(
    letters: AsyncIterator[DeadLetter], limit: int, reason: str | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Return rows of the newest so many of a reason, the newest first, and how many there are; holds no more."""
    kept: list[tuple[tuple[int, int, int], dict[str, Any]]] = []
    count = 0
    async for letter in letters:
        if reason in (None, letter.reason):
            count += 1
            age = (letter.timestamp, letter.offset, -letter.partition)
            if len(kept) < limit:
                heappush(kept, (age, letter.shown()))
            elif age > kept[0][0]:
                heapreplace(kept, (age, letter.shown()))
    return [row for _, row in sorted(kept, key=itemgetter(0), reverse=True)], count


async def send_again(client: Client, letters: AsyncIterator[DeadLetter], max_bytes: int) -> AsyncIterator[DeadLetter]:
    """Send dead letters back to their sources as they are read; yield each once Kafka has acknowledged it."""
    producer = AIOKafkaProducer(enable_idempotence=True, acks="all", max_request_size=max_bytes, **client)
    await producer.start()
    try:
        async for letter in letters:
            # a key decides the partition, so that wrong_partition ends in the right one; no key: where it was
            partition = letter.source.partition if letter.key is None else None
            await producer.send_and_wait(
                letter.source.topic, letter.value, letter.key, partition=partition, headers=letter.redrive_headers()
            )
            yield letter
    finally:
        await producer.stop()
