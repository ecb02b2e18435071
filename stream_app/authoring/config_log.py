"""The `config` topic as a value: its keys, what it says now, and which ids were ever given.

Laws: a key is ``kind:orgId:id``, and a rule has the id and the org of its key whatever its body says; a null value
deletes; an id is never given twice, so the next is one more than the highest ever seen, deleted ones included; a
request with an Idempotency-Key is remembered for 24 hours of broker time; of a profile the newest MAX_PUBLISHES
publishes are remembered, by the records that hold them; what is published of it has the rules that count in it.
Pure: reads records, writes nothing.  Source: contract sections 1 to 3, decision 0006.
"""

import json
import re
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from schemas.authored import DEFAULT_PROFILE
from schemas.config_headers import mark_of
from schemas.ids import valid_org
from stream_app.authoring.published_rules import PublishedRules
from stream_app.scoring.rulebook import ConfigRecord

Kind = Literal["rule", "profile"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
Body = Mapping[str, Any]
REMEMBERED_MS: Final = 24 * 60 * 60 * 1000
MAX_PUBLISHES: Final = 100

_HALF_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")  # or a whole one
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
    """What a request with an Idempotency-Key made: hash of its body, broker time in ms, the object as it was then.

    ``rules`` are those of a profile, as they were then.
    """

    sha256: str
    at: int
    key: AuthoredKey
    stored: Stored
    rules: tuple[Body, ...] = ()


class Publish(NamedTuple):
    """The how many-th publish of a profile, when, since which rulebook version, and the record that holds it.

    ``packed`` is its value in little room, ``size`` how many bytes it has.
    """

    version: int
    at: str
    rulebook_version: int
    size: int
    packed: bytes

    def value(self) -> bytes:
        """Return the record's value."""
        return zlib.decompress(self.packed)


def _no_publishes() -> deque[Publish]:
    return deque(maxlen=MAX_PUBLISHES)


@dataclass(slots=True)
class ConfigLog:
    """What ``config`` says after the records so far; ``version`` is its rulebook version, 0 while it is empty.

    ``live`` holds objects by id, of each kind and org; ``highest`` the highest rule id of each org; ``made`` is by org
    and Idempotency-Key, the oldest first; ``publishes`` by profile, the oldest first; ``touched`` the rulebook version
    of the newest rule record of each org and profile, also of one that left it or was taken from it.
    """

    live: dict[tuple[Kind, str], dict[str, Stored]] = field(default_factory=dict[tuple[Kind, str], dict[str, Stored]])
    deleted: set[AuthoredKey] = field(default_factory=set[AuthoredKey])
    highest: dict[str, int] = field(default_factory=dict[str, int])
    made: dict[tuple[str, str], Made] = field(default_factory=dict[tuple[str, str], Made])
    publishes: dict[AuthoredKey, deque[Publish]] = field(default_factory=dict[AuthoredKey, deque[Publish]])
    touched: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    taken: PublishedRules = field(default_factory=PublishedRules, compare=False)
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
        before = self.find(key)
        if record.value is None:
            self.live.get((key.kind, key.org_id), {}).pop(key.id, None)
            self.deleted.add(key)
            self.publishes.pop(key, None)
            self._touch(key, before)
            self._settle(key, {})
        elif (body := _body(record.value)) is not None:
            if key.kind == "rule":  # a record written by hand may lack them, or say others
                body = {**body, "id": int(key.id), "orgId": key.org_id}
            stored = Stored(self._settle(key, body), self.version, 1 if before is None else before.revision + 1)
            self.live.setdefault((key.kind, key.org_id), {})[key.id] = stored
            self.deleted.discard(key)
            self._touch(key, before, stored)
            self._count_publish(key, body, record.value)
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

    def rules_of(self, org_id: str, profile_id: str) -> tuple[Body, ...]:
        """Return the rules of a profile as they are written, in id order."""
        return tuple(body for body in self.objects("rule", org_id).values() if profile_of(body) == profile_id)

    def version_of(self, key: AuthoredKey) -> int:
        """Return the rulebook version at which an object last changed, a profile with its rules; 0 if never."""
        stored = self.find(key)
        own = 0 if stored is None else stored.version
        return max(own, self.touched.get((key.org_id, key.id), 0)) if key.kind == "profile" else own

    def publishes_of(self, key: AuthoredKey) -> tuple[Publish, ...]:
        """Return the newest publishes of a profile, the oldest first."""
        return tuple(self.publishes.get(key, ()))

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
            rules = self.rules_of(key.org_id, key.id) if key.kind == "profile" else ()
            self.made[key.org_id, mark.key] = Made(mark.sha256, record.written_at, key, stored, rules)

    def _touch(self, key: AuthoredKey, *states: Stored | None) -> None:
        for stored in states:
            if key.kind == "rule" and stored is not None:
                self.touched[key.org_id, profile_of(stored.body)] = self.version

    def _settle(self, key: AuthoredKey, body: Body) -> Body:
        """Return the body of a record, nothing of a deletion, with the rules that count; others lose what it takes."""
        org_id, losers = key.org_id, list[str]()
        if key.kind == "rule" and body and profile_of(body) == DEFAULT_PROFILE:
            losers = self.taken.default_writes(org_id, int(key.id))
        elif key.kind == "profile" and key.id != DEFAULT_PROFILE:
            own = {int(rule["id"]) for rule in self.rules_of(org_id, DEFAULT_PROFILE)}
            losers = self.taken.publish(org_id, key.id, body, own)
            body = self.taken.claimed(org_id, key.id, body)
        profiles = self.live.get(("profile", org_id), {})
        for profile_id in losers:
            left = self.taken.claimed(org_id, profile_id, profiles[profile_id].body)
            if left is not profiles[profile_id].body:
                profiles[profile_id] = replace(profiles[profile_id], body=left)
                self.touched[org_id, profile_id] = self.version
        return body

    def _count_publish(self, key: AuthoredKey, body: Body, value: bytes) -> None:
        version = body.get("version")
        if key.kind == "rule" or key.id == DEFAULT_PROFILE or not isinstance(version, int):
            return
        known = self.publishes.get(key)
        if isinstance(body.get("published"), dict) and version > (known[-1].version if known else 0):
            at = str(body.get("updatedAt", ""))
            publish = Publish(version, at, self.version, len(value), zlib.compress(value))
            self.publishes.setdefault(key, _no_publishes()).append(publish)

    def _forget(self, until: int) -> None:
        while self.made and next(iter(self.made.values())).at < until:
            del self.made[next(iter(self.made))]


def profile_of(rule: Body) -> str:
    """Return the profile of a rule."""
    return str(rule.get("profileId", DEFAULT_PROFILE))


def _body(value: bytes) -> Body | None:
    """Return a JSON object; None for what leadstream never writes and could not answer."""
    try:
        body = json.loads(value, parse_constant=_refuse)
        if _HALF_PAIR.search(value):
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return cast(Body, body) if isinstance(body, dict) else None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
