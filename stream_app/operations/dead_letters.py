"""Dead letters read back: which record each was, why it was refused, and how to send it again.

Laws: a redrive sends key, value and headers as received, with ``leadstream-redrive-count`` one higher; a value that was
cut (too_large) cannot be sent again from here.  A redrive is acknowledged, not exactly once: an interrupted one may be
repeated, and the engine's own dedupe of event ids decides.
Reads ``dead-letters``; writes the topics that they came from.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition

from stream_app.operations.log_cursor import Client, cursor, settled_ends, starts
from stream_app.operations.shown import safe_text, shown_time
from stream_app.processing.dead_letters import ERRORS, ORIGINAL_LENGTH, REASON, REDRIVE_COUNT, redrives

HeaderList = list[tuple[str, bytes | None]]
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


async def read_dead_letters(client: Client, topic: str, partitions: Sequence[int]) -> AsyncIterator[DeadLetter]:
    """Yield every dead letter of the partitions, oldest first in each."""
    places = [TopicPartition(topic, number) for number in partitions]
    begin, end = await starts(client, places), await settled_ends(client, places)
    for place in places:
        async with cursor(client, place, begin[place], end[place]) as rows:
            async for row in rows.rest():
                yield DeadLetter(
                    row.partition, row.offset, row.timestamp, row.key, row.value, [tuple(h) for h in row.headers]
                )


async def send_again(client: Client, letters: Sequence[DeadLetter], max_bytes: int) -> int:
    """Send dead letters back to their sources; return how many Kafka acknowledged, which is all unless it raises."""
    producer = AIOKafkaProducer(enable_idempotence=True, acks="all", max_request_size=max_bytes, **client)
    await producer.start()
    try:
        for letter in letters:
            # a key decides the partition, so that wrong_partition ends in the right one; no key: where it was
            partition = letter.source.partition if letter.key is None else None
            await producer.send_and_wait(
                letter.source.topic, letter.value, letter.key, partition=partition, headers=letter.redrive_headers()
            )
    finally:
        await producer.stop()
    return len(letters)
