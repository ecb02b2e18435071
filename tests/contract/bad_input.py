"""The corpus of bad input: records that must end as dead letters, each with its reason, and good ones that look bad.

Laws: data only, the same bytes in every run; every name is unique; a record is in the partition of its key unless it is
``misplaced``; ``role`` names its source topic.  Reads ``bad_texts``; the good ones are in ``odd_input``.
"""

import gzip
from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple, Protocol

from stream_app.processing.placement import partition_of
from tests.contract.bad_texts import (
    NO_KIND,
    NO_RECORD,
    NO_UTF8,
    NO_VALUE,
    REQUIRED,
    UNSOUND,
    WRONG,
    nested,
    text,
)  # fmt: skip

Headers = list[tuple[str, bytes | None]]
Draft = tuple[str, str, bytes | None, bytes | None, str]

MAX_BYTES = 262_144
KEY = b"1:42"
ROLES = ("engagement", "contacts", "commands")
MISFIT = {"engagement": "invalid_event", "contacts": "invalid_event", "commands": "invalid_command"}
BASE: dict[str, dict[str, str]] = {
    "engagement": {"orgId": '"1"', "contactId": '"42"', "type": '"odd"', "eventId": '"e"'},
    "contacts": {"orgId": '"1"', "contactId": '"42"', "email": '"a@example.com"'},
    "commands": {"orgId": '"1"', "contactId": '"42"', "kind": '"adjust"', "commandId": '"c"'},
}
PAYLOADS = {
    "adjust": {"points": "5"}, "set": {"score": "5"}, "tag": {"tag": '"t"'}, "untag": {"tag": '"t"'},
    "enrol": {"programId": '"p"'}, "reset": {},
}  # fmt: skip
#: The records take these in turn: whatever they are, a dead letter keeps them.
HEADERS: tuple[Headers, ...] = (
    [], [("trace", b"1")], [("trace", b"1"), ("trace", None), ("blank", b"")], [("bytes", bytes(range(256)))],
    [("leadstream-redrive-count", b"3")], [("leadstream-reason", b"too_late"), ("__streams.errors.offset", b"7")],
)  # fmt: skip


class Bad(NamedTuple):
    """A record that is no input; a ``misplaced`` one is in another partition than its key's."""

    name: str
    role: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    reason: str
    misplaced: bool


class Placed(Protocol):
    """What has a key and may be misplaced."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def misplaced(self) -> bool: ...


def place(record: Placed, partitions: int) -> int:
    """The partition to send a record to."""
    home = 0 if record.key is None else partition_of(record.key, partitions)
    return (home + 1) % partitions if record.misplaced else home


def written(role: str, command_kind: str = "adjust", /, **fields: str | None) -> bytes:
    """The JSON object of a role, some fields written as these texts; None leaves one out."""
    members = {**BASE[role]}
    if role == "commands":
        members |= {"kind": f'"{command_kind}"', **PAYLOADS[command_kind]}
    given = {**members, **fields}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in given.items() if value is not None) + "}").encode()


def short(fragment: str) -> str:
    shown = fragment if len(fragment) <= 40 else f"{fragment[:9]}... of {len(fragment)}"
    return shown.encode("unicode_escape").decode()


def wrong_fields() -> Iterator[Draft]:
    for role, kind, field, fragments in WRONG:
        for fragment in fragments:
            value = written(role, kind or "adjust", **{field: fragment})
            yield f"{kind or role} with {field} {short(fragment)}", role, KEY, value, MISFIT[role]
    for role, fields in REQUIRED.items():
        for field in fields:
            yield f"{role} without {field}", role, KEY, written(role, **{field: None}), MISFIT[role]
    for kind, payload in PAYLOADS.items():
        for field in ("orgId", "contactId", "commandId", *payload):
            value = written("commands", kind, **{field: None})
            yield f"{kind} without {field}", "commands", KEY, value, "invalid_command"


def unknown_commands() -> Iterator[Draft]:
    for fragment in NO_KIND:
        value = written("commands", kind=fragment)
        yield f"command of kind {short(fragment)}", "commands", KEY, value, "unknown_command"
    for name, value, key in (
        ("without a kind", written("commands", kind=None), KEY),
        ("that is an empty object", b"{}", KEY),
        ("of an unknown kind without ids", b'{"kind":"merge"}', KEY),
        ("of an unknown kind with a bad time", written("commands", kind='"merge"', at='"now"'), KEY),
        ("of an unknown kind without a key", written("commands", kind='"merge"'), None),
        ("of an unknown kind with another key", written("commands", kind='"merge"'), b"1:43"),
        ("whose last kind is unknown", written("commands", at='null,"kind":"merge"'), KEY),
    ):
        yield f"command {name}", "commands", key, value, "unknown_command"
    yield "command of an unknown kind with 1e400", "commands", KEY, b'{"kind":"merge","x":1e400}', "invalid_command"


def no_json() -> Iterator[Draft]:
    for role in ROLES:
        for name, value in {
            "nothing": b"", "blanks": b" \t\r\n", "a byte order mark": b"\xef\xbb\xbf" + written(role),
            "gzip": gzip.compress(written(role), mtime=0), "bytes after the end": written(role) + b"x",
        }.items():  # fmt: skip
            yield f"{role}: {name}", role, KEY, value, "not_json"
        for name, piece in NO_UTF8.items():
            value = written(role, x='"!"').replace(b"!", piece)
            yield f"{role}: not UTF-8: {name}", role, KEY, value, "not_json"
    for fragment in NO_VALUE:
        for field in ("x", "properties", "contactId"):
            value = written("engagement", **{field: fragment})
            yield f"no JSON in {field}: {short(fragment)}", "engagement", KEY, value, "not_json"
    for role in ("engagement", "commands"):
        yield f"{role}: null value", role, KEY, None, "not_json"
        yield f"{role}: null value without a key", role, None, None, "not_json"


def broken_events() -> Iterator[Draft]:
    whole = written("engagement", properties='{"url":"https://example.com/\u00e4","n":[1,2.5,null,true]}')
    for name, value in {
        "UTF-16": whole.decode().encode("utf-16"), "Latin-1": whole.decode().encode("latin-1"), "twice": whole * 2,
        "a NUL after the end": whole + b"\0", "a schema id before it": b"\0\0\0\0\x01" + whole,
        "a form feed before it": b"\x0c" + whole, "a no-break space after it": whole + b"\xc2\xa0",
        "a comment": whole + b"//x", "single quotes": whole.replace(b'"', b"'"), "CSV": b"orgId,contactId\n1,=1+1\n",
        "HTML": b"<html><script>alert(1)</script></html>", "YAML": b"orgId: 1\n", "zeros": bytes(1000),
        "opened 10,000 times": b"[" * 10_000, "closed 10,000 times": b"]" * 10_000,
        "opened 10,000 times and closed otherwise": b"[" * 10_000 + b"}" * 10_000,
        "10,000 levels around NaN": nested(10_000, inner="NaN").encode(),
        "10,000 levels without a comma": nested(10_000, inner="[] []").encode(),
    }.items():  # fmt: skip
        yield f"no JSON: {name}", "engagement", KEY, value, "not_json"
    for cut in range(1, len(whole), 7):
        yield f"cut after {cut} bytes", "engagement", KEY, whole[:cut], "not_json"


def unsound() -> Iterator[Draft]:
    for role in ROLES:
        for fragment in UNSOUND:
            value = written(role, x=fragment)
            yield f"{role} with unknown field {short(fragment)}", role, KEY, value, MISFIT[role]
        for fragment in NO_RECORD:
            yield f"{role} that is {short(fragment)}", role, KEY, fragment.encode(), MISFIT[role]
    for fragment in UNSOUND:
        value = written("engagement", properties=f'{{"a":{fragment}}}')
        yield f"engagement with property {short(fragment)}", "engagement", KEY, value, "invalid_event"
        value = written("engagement", x=f'{fragment},"x":1')
        yield f"engagement with overwritten {short(fragment)}", "engagement", KEY, value, "invalid_event"
    for field, texts in {
        "type": '"odd","type":5',
        "orgId": '"1","orgId":null',
        "contactId": '"42","contactId":""',
    }.items():
        value = written("engagement", **{field: texts})
        yield f"engagement whose last {field} is wrong", "engagement", KEY, value, "invalid_event"
    value = written("commands", points='5,"points":"5"')
    yield "adjust whose last points are wrong", "commands", KEY, value, "invalid_command"
    value = written("engagement", contactId='"\U0001f600\\u0000"')
    yield "engagement with NUL after an emoji in contactId", "engagement", KEY, value, "invalid_event"


def too_large() -> Iterator[Draft]:
    mebibyte = text(2**20)
    for role in ROLES:
        yield f"{role} with a string of 1 MiB", role, KEY, written(role, x=mebibyte), "too_large"
        pad = MAX_BYTES + 1 - len(written(role, x='""'))
        yield f"{role} one byte too large", role, KEY, written(role, x=text(pad)), "too_large"
    for name, key, value in (
        ("and no JSON", KEY, b"{" * (MAX_BYTES + 1)), ("and without a key", None, written("engagement", x=mebibyte)),
        ("and of another key", b"1:43", b"\xff" * (MAX_BYTES + 1)), ("and zeros", KEY, bytes(300_000)),
        ("and of the wrong type", KEY, written("engagement", type=mebibyte)),
    ):  # fmt: skip
        yield f"too large {name}", "engagement", key, value, "too_large"


WRONG_KEYS = {
    "of another contact": b"1:43", "of another org": b"2:42", "empty": b"", "without a colon": b"142",
    "with quotes": b'"1:42"', "of a contact in quotes": b'1:"42"', "with a blank": b"1: 42", "with a zero": b"1:042",
    "with a NUL": b"1:42\0", "with a colon more": b"1::42", "not UTF-8": b"\xff1:42", "the contact alone": b"42",
    "a JSON object": b'{"orgId":"1","contactId":"42"}', "a schema id before it": b"\0\0\0\0\x011:42",
    "a byte order mark before it": b"\xef\xbb\xbf1:42", "a line end": b"1:42\n", "1 MiB long": b"1:" + b"4" * 900_000,
}  # fmt: skip


def wrong_keys() -> Iterator[Draft]:
    for role in ROLES:
        yield f"{role} without a key", role, None, written(role), "missing_key"
        yield f"{role} without a key and with a wrong field", role, None, written(role, orgId="[]"), MISFIT[role]
        for name, key in WRONG_KEYS.items():
            yield f"{role} with a key {name}", role, key, written(role), "key_mismatch"
        value = written(role, contactId='"42","contactId":"43"')
        yield f"{role} whose last contactId is not the key's", role, KEY, value, "key_mismatch"
    yield "erase without a key", "contacts", None, None, "missing_key"
    for name, key in {
        "empty": b"", "without a colon": b"nocolon", "not UTF-8": b"\xff:1", "without a contact": b"1:",
        "without an org": b":42", "of a bad org": b"a b:42",
        "with a control character": b"1:4\n2",
        "of 129 characters": b"1:" + b"4" * 129, "of a long org": b"o" * 65 + b":42",
    }.items():  # fmt: skip
        yield f"erase with a key {name}", "contacts", key, None, "key_mismatch"


def misplaced() -> Iterator[Draft]:
    for role in ROLES:
        yield f"{role} in the wrong partition", role, KEY, written(role), "wrong_partition"
    yield "erase in the wrong partition", "contacts", KEY, None, "wrong_partition"
    value = written("engagement", occurredAt='"1971-01-01T00:00:00Z"')
    yield "an old event in the wrong partition", "engagement", KEY, value, "wrong_partition"


def corpus() -> list[Bad]:
    drafts = [(draft, False) for made in (
        wrong_fields(), unknown_commands(), no_json(), broken_events(), unsound(), too_large(), wrong_keys(),
    ) for draft in made]  # fmt: skip
    drafts += [(draft, True) for draft in misplaced()]
    return [
        Bad(name, role, key, value, headers, reason, apart)
        for ((name, role, key, value, reason), apart), headers in zip(drafts, cycle(HEADERS), strict=False)
    ]


BAD = corpus()
#: Well-formed commands that the fold refuses: no codec can know.
REFUSED = [
    Bad(f"{kind} of a profile that does not exist", "commands", KEY, written("commands", kind, profileId='"fit"'), [],
        "invalid_command", False)
    for kind in ("adjust", "set")
]  # fmt: skip
