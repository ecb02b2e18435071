"""One reader of the live stream: first its past, through a Feed of its own, then what all subscribers share.

Laws: ``take`` returns within a second or so, perhaps with nothing; once ``ended`` nothing more comes.  A message's
``id`` says where to resume after it; the records of a snapshot are in time order, so only the last of them has one.
A record is the topic's, byte for byte; an erase is told as ``contact-erased``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from schemas.ids import split_contact_key
from stream_app.delivery.recovery import RETRIED
from stream_app.reading.output_feed import Feed, Passage, Start, Tail
from stream_app.reading.positions import Positions, TopicPartition, reached, text

IDLE_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
SNAPSHOT_LIMIT: Final = 5000


@dataclass(frozen=True, slots=True)
class Message:
    """One Server-Sent Event: ``data`` is JSON without line ends."""

    event: str
    data: bytes
    id: str | None = None


def status(state: str, why: str = "") -> Message:
    """Return the message that tells how the stream itself is: live, waiting, moved, dropped or ended."""
    return Message("status", msgspec.json.encode({"state": state, "why": why}))


class Shared(Protocol):
    """What a subscription needs of the stream that all share."""

    @property
    def positions(self) -> Positions | None:
        """Where the shared Feed stands, None while it is not open."""
        ...

    def join(self, subscription: "Subscription") -> None:
        """Deliver to this subscription from now on."""
        ...


class Subscription:
    """A subscriber's own view of the stream; ``org_id`` None sees all orgs."""

    def __init__(
        self,
        org_id: str | None,
        start: Start | None,
        shared: Shared,
        open_feed: Callable[[], Feed],
        topics: Mapping[str, str],
        max_pending: int,
    ) -> None:
        self.ended = False
        self._org = None if org_id is None else org_id.encode() + b":"
        self._start = start
        self._shared = shared
        self._open_feed = open_feed
        self._topics = topics
        self._max_pending = max_pending
        self._pending: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._own: Feed | None = None
        self._snapshot: list[Passage] | None = [] if isinstance(start, Tail) else None
        self._ahead: dict[TopicPartition, int] = {}
        if start is None:
            shared.join(self)

    async def take(self) -> list[Message]:
        """Return the next messages, in order."""
        if self._start is not None and not self.ended:
            return await self._catch_up(self._start)
        if not self._pending and not self.ended:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                return []
        messages = list(self._pending)
        self._pending.clear()
        self._wake.clear()
        return messages

    async def close(self) -> None:
        """Let go of the own Feed."""
        self.ended = True
        self._wake.set()
        await self._close_own()

    def tell(self, message: Message, *, last: bool = False) -> None:
        """Queue a message about the stream; after the ``last`` one nothing follows."""
        self._pending.append(message)
        self.ended = self.ended or last
        self._wake.set()

    def deliver(self, passage: Passage, after: Positions, event_id: Callable[[], str]) -> None:
        """Queue a shared record; ``after`` are the positions behind it, ``event_id`` their text."""
        if self.ended or not self._sees(passage):
            return
        if self._ahead:
            if passage.offset < self._ahead.get((passage.topic, passage.partition), 0):
                return
            own = {where: max(offset, self._ahead.get(where, 0)) for where, offset in after.items()}
            if reached(after, self._ahead):
                self._ahead = {}
            self._pending.append(self._message(passage, text(own)))
        else:
            self._pending.append(self._message(passage, event_id()))
        if len(self._pending) > self._max_pending:
            self._pending.clear()
            self.tell(status("dropped", "too slow"), last=True)
        self._wake.set()

    async def _catch_up(self, start: Start) -> list[Message]:
        try:
            if self._own is None:
                self._own = self._open_feed()
                opened = await self._own.open(start)
                self._ahead = opened.positions
                self._start = start if isinstance(start, Tail) else opened.positions
                if opened.moved:
                    return [status("moved", "records were deleted before they could be read")]
            passages, after = await self._own.take()
        except RETRIED as error:
            return await self._outage(error)
        messages = self._messages(passages, after)
        shared = self._shared.positions
        if shared is not None and reached(after, shared):
            messages = [*messages, *self._end_snapshot(after)]
            self._start = None
            self._shared.join(self)
            await self._close_own()
        return messages

    async def _close_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            await own.close()

    async def _outage(self, error: BaseException) -> list[Message]:
        await self._close_own()
        if self._snapshot is not None:
            self._snapshot = []
        elif self._ahead:
            self._start = self._ahead
        await asyncio.sleep(RETRY_SECONDS)
        return [status("waiting", type(error).__name__)]

    def _messages(self, passages: list[Passage], after: dict[TopicPartition, int]) -> list[Message]:
        if self._snapshot is not None:
            self._ahead = after
            self._snapshot += [passage for passage in passages if self._sees(passage)]
            return self._end_snapshot(after) if len(self._snapshot) > SNAPSHOT_LIMIT else []
        messages: list[Message] = []
        for passage in passages:
            self._ahead[passage.topic, passage.partition] = passage.offset + 1
            if self._sees(passage):
                messages.append(self._message(passage, text(self._ahead)))
        self._ahead = after
        return messages

    def _end_snapshot(self, after: Positions) -> list[Message]:
        passages, self._snapshot = self._snapshot or [], None
        passages.sort(key=lambda passage: passage.timestamp)
        return [
            self._message(passage, text(after) if nth == len(passages) else None)
            for nth, passage in enumerate(passages, 1)
        ]

    def _sees(self, passage: Passage) -> bool:
        return self._org is None or passage.key.startswith(self._org)

    def _message(self, passage: Passage, event_id: str | None) -> Message:
        if passage.value is None:
            org_id, contact_id = split_contact_key(passage.key)
            erased = msgspec.json.encode({"orgId": org_id, "contactId": contact_id})
            return Message("contact-erased", erased, event_id)
        return Message(self._topics[passage.topic], passage.value, event_id)
