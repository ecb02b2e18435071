"""Events that clients post: all of one request are judged by the codec first, then sent, or none is.

Laws: nothing is sent when one event is bad, of another org, or of a site that the key may not touch; an event without
an id gets ``<Idempotency-Key>/<index>`` or a new one, so a repeated request changes nothing (S4).  Which body came with
a key is remembered in memory, bounded: a repeat with another body is told so on the worker that saw the first.
Writes the first keyed engagement source, else ``rekeyed``, through a Sender.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from schemas.events import EngagementEvent, Rejected
from schemas.ids import MAX_ID_CHARACTERS
from stream_app.delivery.sender import SourceRecord, Unsent
from stream_app.processing.outgoing import EVENT_FIELDS, Outgoing
from stream_app.reading.orders import Reused
from stream_app.reading.own_writes import WRITE_SECONDS, NotSent, Sends
from stream_app.reading.repeats import Repeats


@dataclass(frozen=True, slots=True)
class Post:
    """What a client sent; ``sites`` None are all sites of the org."""

    org_id: str
    sites: Collection[str] | None
    events: Sequence[Any]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Kafka has acknowledged all of them."""

    event_ids: list[str]


@dataclass(frozen=True, slots=True)
class Bad:
    """Event ``index`` is none; ``field`` is the one that is wrong, None when it is all of it."""

    index: int
    reason: str
    message: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Foreign:
    """Event ``index`` is of an org or a site that the key may not touch."""

    index: int
    field: str


class EventPosts:
    """Takes posts of events."""

    def __init__(self, outgoing: Outgoing, sender: Sends, *, limit_seconds: float = WRITE_SECONDS) -> None:
        self._outgoing = outgoing
        self._sender = sender
        self._limit = limit_seconds
        self._repeats = Repeats()

    async def take(self, post: Post) -> Accepted | list[Bad] | Foreign | Reused | NotSent:
        """Send the events of a post and return their ids."""
        now = time.time_ns() // 1_000_000
        records: list[SourceRecord] = []
        ids: list[str] = []
        bad: list[Bad] = []
        for index, given in enumerate(post.events):
            built = self._built(post, index, given, now)
            match built:
                case Bad():
                    bad.append(built)
                case Foreign():
                    return built
                case record, event:
                    records.append(record)
                    ids.append(event.event_id or "")
        if bad:
            return bad
        if post.key is not None and not self._same(post):
            return Reused()
        sent = await self._sender.send(records, self._limit)
        return NotSent(sent.certain) if isinstance(sent, Unsent) else Accepted(ids)

    def _built(
        self, post: Post, index: int, given: Any, now: int
    ) -> tuple[SourceRecord, EngagementEvent] | Bad | Foreign:
        if not isinstance(given, dict):
            return Bad(index, "invalid_event", "an event is an object", None)
        fields: dict[str, Any] = {"orgId": post.org_id, "eventId": _default_id(post.key, index)}
        fields |= {name: value for name, value in cast("dict[str, Any]", given).items() if value is not None}
        built = self._outgoing.event(fields, now)
        if isinstance(built, Rejected):
            return Bad(index, built.reason, built.message, self._field_of(built, fields, now))
        event = built[1]
        if event.org_id != post.org_id:
            return Foreign(index, "orgId")
        if post.sites is not None and event.site_id not in post.sites:
            return Foreign(index, "siteId")
        return built

    def _field_of(self, rejected: Rejected, fields: Mapping[str, Any], now: int) -> str | None:
        """Return the field that is wrong: the one that the codec names, or without which it would be an event."""
        for name in EVENT_FIELDS:
            if name in rejected.message:
                return name
        known = {name: fields[name] for name in EVENT_FIELDS if name in fields}
        for name in known:
            less = {other: value for other, value in known.items() if other != name}
            if not isinstance(self._outgoing.event(less, now), Rejected):
                return name
        return None

    def _same(self, post: Post) -> bool:
        """Take note of what came with a key; False when it is not what came before."""
        digest = hashlib.sha256(json.dumps(post.events, sort_keys=True).encode()).digest()
        return self._repeats.same(post.org_id, post.key, digest)


def _default_id(key: str | None, index: int) -> str:
    """Return the id of an event without one; a key too long for an id stands there as its hash."""
    if key is None:
        return str(uuid.uuid4())
    event_id = f"{key}/{index}"
    return event_id if len(event_id) <= MAX_ID_CHARACTERS else f"{hashlib.sha256(key.encode()).hexdigest()}/{index}"
