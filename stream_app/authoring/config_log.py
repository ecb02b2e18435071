"""The `config` topic as a value: its keys, what it says now, and which ids were ever given.

Laws: a key is ``kind:orgId:id``; a null value deletes; an id is never given twice, so the next is one more than the
highest ever seen, deleted ones included.  Pure: reads records, writes nothing.  Source: contract sections 1 and 2.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, cast, get_args

from schemas.ids import valid_org
from stream_app.scoring.rulebook import ConfigRecord

Kind = Literal["rule", "profile"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
Body = Mapping[str, Any]

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


@dataclass(slots=True)
class ConfigLog:
    """What ``config`` says after the records so far; ``version`` is its rulebook version, 0 while it is empty."""

    live: dict[AuthoredKey, Body] = field(default_factory=dict[AuthoredKey, Body])
    deleted: set[AuthoredKey] = field(default_factory=set[AuthoredKey])
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
        if (key := decode_key(record.key)) is None:
            return
        if record.value is None:
            self.live.pop(key, None)
            self.deleted.add(key)
        elif (body := _body(record.value)) is not None:
            self.live[key] = body
            self.deleted.discard(key)

    def objects(self, kind: Kind, org_id: str) -> dict[str, Body]:
        """Return an org's live objects of a kind by id: rules in id order, others as first written."""
        found = {key.id: body for key, body in self.live.items() if (key.kind, key.org_id) == (kind, org_id)}
        return dict(sorted(found.items(), key=lambda item: int(item[0]))) if kind == "rule" else found

    def highest_rule_id(self, org_id: str) -> int:
        """Return the highest rule id ever given in an org; 0 when there was none."""
        keys = (key for key in (*self.live, *self.deleted) if (key.kind, key.org_id) == ("rule", org_id))
        return max((int(key.id) for key in keys), default=0)


def _body(value: bytes) -> Body | None:
    """Return a JSON object; None for what leadstream never writes."""
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return cast(Body, body) if isinstance(body, dict) else None
