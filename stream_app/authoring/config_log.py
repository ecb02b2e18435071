"""The `config` topic as a value: its keys, what it says now, and which ids were ever given.

Laws: a key is ``kind:orgId:id``; a null value deletes; an id is never given twice, so the next is one more than the
highest ever seen, deleted ones included; a request with an Idempotency-Key is remembered for 24 hours of broker time.
Pure: reads records, writes nothing.  Source: contract sections 1 to 3, decision 0006.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from schemas.config_headers import mark_of
from schemas.ids import valid_org
from stream_app.scoring.rulebook import ConfigRecord

Kind = Literal["rule", "profile"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
Body = Mapping[str, Any]
REMEMBERED_MS: Final = 24 * 60 * 60 * 1000

_ID: Final[Mapping[Kind, re.Pattern[str]]] = {
    "rule": re.compile(r"[1-9][0-9]{0,9}"),
    "profile": re.compile(r"[a-z0-9_-]{1,64}"),
}


class AuthoredKey(NamedTuple):
    """Which authored object a record speaks of; ``id`` is text, that of a rule a decimal integer."""

    kind: Kind
    org_id: str
    id: str

    def encode(self) -> bytes:
        """Return the record key."""
        return f"{self.kind}:{self.org_id}:{self.id}".encode()


def decode_key(key: bytes) -> AuthoredKey | None:
    """Return what a record key names; None when it is no key of a kind known here."""
    try:
        kind, org_id, object_id = key.decode().split(":", 2)
    except ValueError:
        return None
    if kind not in KINDS or not valid_org(org_id) or not _ID[cast(Kind, kind)].fullmatch(object_id):
        return None
    return AuthoredKey(cast(Kind, kind), org_id, object_id)


@dataclass(frozen=True, slots=True)
class Stored:
    """A live object; ``version`` is the rulebook version of its newest record, ``revision`` how many it has had."""

    body: Body
    version: int
    revision: int


class Made(NamedTuple):
    """What a request with an Idempotency-Key made: hash of its body, broker time in ms, the object as it was then."""

    sha256: str
    at: int
    key: AuthoredKey
    stored: Stored


@dataclass(slots=True)
class ConfigLog:
    """What ``config`` says after the records so far; ``version`` is its rulebook version, 0 while it is empty.

    ``live`` holds objects by id, of each kind and org; ``highest`` the highest rule id of each org; ``made`` is by org
    and Idempotency-Key, the oldest first.
    """

    live: dict[tuple[Kind, str], dict[str, Stored]] = field(default_factory=dict[tuple[Kind, str], dict[str, Stored]])
    deleted: set[AuthoredKey] = field(default_factory=set[AuthoredKey])
    highest: dict[str, int] = field(default_factory=dict[str, int])
    made: dict[tuple[str, str], Made] = field(default_factory=dict[tuple[str, str], Made])
    version: int = 0

    @classmethod
    def of(cls, records: Iterable[ConfigRecord]) -> "ConfigLog":
        """Return the log of records in offset order."""
        log = cls()
        for record in records:
            log.add(record)
        return log

    def add(self, record: ConfigRecord) -> None:
        """Take the next record; one that is no authored object counts for the version only."""
        self.version = record.offset + 1
        self._forget(record.written_at - REMEMBERED_MS)
        if (key := decode_key(record.key)) is None:
            return
        if key.kind == "rule":
            self.highest[key.org_id] = max(self.highest_rule_id(key.org_id), int(key.id))
        if record.value is None:
            self.live.get((key.kind, key.org_id), {}).pop(key.id, None)
            self.deleted.add(key)
        elif (body := _body(record.value)) is not None:
            before = self.find(key)
            stored = Stored(body, self.version, 1 if before is None else before.revision + 1)
            self.live.setdefault((key.kind, key.org_id), {})[key.id] = stored
            self.deleted.discard(key)
            self._remember(record, key, stored)

    def find(self, key: AuthoredKey) -> Stored | None:
        """Return a live object."""
        return self.live.get((key.kind, key.org_id), {}).get(key.id)

    def stored(self, kind: Kind, org_id: str) -> dict[str, Stored]:
        """Return an org's live objects of a kind by id: rules in id order, others as first written."""
        found = self.live.get((kind, org_id), {})
        return dict(sorted(found.items(), key=lambda item: int(item[0]))) if kind == "rule" else dict(found)

    def objects(self, kind: Kind, org_id: str) -> dict[str, Body]:
        """Return the bodies of ``stored``."""
        return {object_id: stored.body for object_id, stored in self.stored(kind, org_id).items()}

    def highest_rule_id(self, org_id: str) -> int:
        """Return the highest rule id ever given in an org; 0 when there was none."""
        return self.highest.get(org_id, 0)

    def made_by(self, org_id: str, request: str, now: int) -> Made | None:
        """Return what a request made at most 24 hours before ``now``, by its Idempotency-Key."""
        made = self.made.get((org_id, request))
        return made if made is not None and made.at > now - REMEMBERED_MS else None

    def _remember(self, record: ConfigRecord, key: AuthoredKey, stored: Stored) -> None:
        if (mark := mark_of(record.headers)) is not None:
            self.made.pop((key.org_id, mark.key), None)  # so that it becomes the newest
            self.made[key.org_id, mark.key] = Made(mark.sha256, record.written_at, key, stored)

    def _forget(self, until: int) -> None:
        while self.made and next(iter(self.made.values())).at < until:
            del self.made[next(iter(self.made))]


def _body(value: bytes) -> Body | None:
    """Return a JSON object; None for what leadstream never writes."""
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return cast(Body, body) if isinstance(body, dict) else None
