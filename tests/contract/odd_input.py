"""Good records that look bad: each is an input, and this is what it becomes.

Laws: as ``bad_input``; every record has a contact of its own, so that its effect can be told apart.
"""

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any, NamedTuple

from tests.contract.bad_input import HEADERS, MAX_BYTES, Headers, written
from tests.contract.bad_texts import nested, text


class Odd(NamedTuple):
    """A record that is good although it looks odd, and fields that it becomes, named as in the contract."""

    name: str
    role: str
    key: bytes
    value: bytes
    headers: Headers
    becomes: dict[str, Any]
    misplaced: bool = False


CONTACTS = {
    "a colon": "a:b", "colons only": ":::", "blanks": " ", "a script tag": "<script>alert(1)</script>",
    "a CSV formula": '=HYPERLINK("http://x","y")', "__proto__": "__proto__", "SQL": "'; DROP TABLE contacts;--",
    "a path": "../../etc/passwd", "an emoji": "\U0001f600", "128 characters": "x" * 128,
    "128 emojis": "\U0001f600" * 128,
    "a line separator": "a\u2028b", "a bidirectional override": "\u202eabc", "a byte order mark": "\ufeff1",
    "a soft hyphen": "a\u00adb", "a combining accent": "e\u0301", "quotes": '"1"', "backslashes": "\\u0041\\",
    "null": "null",
    "a leading zero": "007", "a percent": "%00%0a", "braces": "{{7*7}}${7*7}", "a noncharacter": "\uffff",
}  # fmt: skip
IDS = {"0": "0", "-0": "0", "-5": "-5", "9007199254740993": "9007199254740993", "1" * 128: "1" * 128}
TIMES = {
    "2020-01-01T00:00:00Z": 1_577_836_800_000, "2020-01-01t00:00:00z": 1_577_836_800_000,
    "2020-01-01T00:00:00-00:00": 1_577_836_800_000, "2020-01-01T01:00:00.25+01:00": 1_577_836_800_250,
    "2020-01-01T00:00:00.123999999999Z": 1_577_836_800_123, "1970-01-01T00:00:00Z": 0,
    "1970-01-01T00:00:00-23:59": 86_340_000,
    "2020-02-29T23:59:59.999Z": 1_583_020_799_999,
}  # fmt: skip
PROPERTIES: dict[str, Any] = {
    '{"__proto__":{"admin":true},"constructor":1}': {"__proto__": {"admin": True}, "constructor": 1},
    '{"a":1,"a":2}': {"a": 2}, '{"a":{"b":1,"b":[]}}': {"a": {"b": []}}, '{"":"","\\u0000":"\\u0000"}': {"": "",
    "\0": "\0"},
    '{"n":18446744073709551616,"m":-9223372036854775809}': {"n": 2**64, "m": -(2**63) - 1},
    '{"n":1e308,"s":1e-400,"z":-0.0,"f":1.0,"i":1}': {"n": 1e308, "s": 0.0, "z": -0.0, "f": 1.0, "i": 1},
    '{"s":"\\ud83d\\ude00\\u00e4\\/"}': {"s": "\U0001f600\u00e4/"}, "null": {}, "{}": {},
    '{"f":"=cmd|\'/C calc\'!A0","s":"<script>"}': {"f": "=cmd|'/C calc'!A0", "s": "<script>"},
    '{"b":"' + "[" * 300 + '\\"{"}': {"b": "[" * 300 + '"{'},
}  # fmt: skip
EXTRA = {
    "126 levels in a field": f'null,"x":{nested(127)}', "4,300 digits in a field": f'null,"x":{"9" * 4300}',
    "300 arrays side by side": 'null,"x":[' + ",".join(["[]"] * 300) + "]", "blanks around it": " \t\r\nnull\n ",
    "unknown fields": 'null,"orgid":5,"ORGID":[],"x":{"orgId":"2"}', "an escaped field name": 'null,"\\u0074ype":"odd"',
    "a wrong type before the right one": 'null,"type":5,"type":"odd"',
    "another org before the right one": 'null,"orgId":"2","orgId":"1"',
}  # fmt: skip
COMMANDS: list[tuple[str, str, dict[str, str | None], dict[str, Any]]] = [
    ("the largest points", "adjust", {"points": str(2**63 - 1)}, {"points": 2**63 - 1}),
    ("the smallest points", "adjust", {"points": str(-(2**63))}, {"points": -(2**63)}),
    ("no points", "adjust", {"points": "-0"}, {"points": 0}),
    ("a reason of 500", "adjust", {"reason": text(500)}, {"reason": "x" * 500}),
    ("an empty reason", "adjust", {"reason": '""'}, {"reason": ""}),
    ("a script as reason", "adjust", {"reason": '"<script>\\n=1+1"'}, {"reason": "<script>\n=1+1"}),
    ("nulls", "adjust", {"reason": "null", "profileId": "null", "at": "null", "by": "null"}, {"reason": None,
    "by": None}),
    ("fields of other kinds", "adjust", {"score": '"x"', "tag": "5", "programId": "[]"}, {"points": 5}),
    ("the last points", "adjust", {"points": 'null,"points":7'}, {"points": 7}),
    ("the smallest score", "set", {"score": str(-(2**63))}, {"score": -(2**63)}),
    ("a null fireTriggers", "set", {"fireTriggers": "null"}, {"fireTriggers": False}),
    ("a tag of 128", "tag", {"tag": text(128)}, {"tag": "x" * 128}),
    ("a formula as tag", "tag", {"tag": '"=1+1,<b>:"'}, {"tag": "=1+1,<b>:"}),
    ("an integer commandId", "reset", {"commandId": "7"}, {"commandId": "7"}),
    ("an integer programId", "enrol", {"programId": "7"}, {"programId": "7"}),
    ("an old time", "reset", {"at": '"1970-01-01T00:00:00.001Z"'}, {"at": 1}),
]  # fmt: skip
ATTRIBUTES: dict[str, dict[str, Any]] = {
    '"attributes":{"n":18446744073709551616,"l":[-9223372036854775809,1.0]}': {
        "attributes": {"n": 2**64, "l": [-(2**63) - 1, 1.0]}},
    '"attributes":null': {"attributes": {}}, '"attributes":{"__proto__":null}': {"attributes": {"__proto__": None}},
    '"email":"","attributes":{"":{}}': {"email": "", "attributes": {"": {}}}, '"email":5,"email":null': {"email": None},
    '"email":"=1+1\\n<b>"': {"email": "=1+1\n<b>"},
    '"updatedAt":null,"attributes":{"a":1,"a":2}': {"attributes": {"a": 2}},
    '"updatedAt":"9999-12-31T23:59:59.999Z"': {"at": 253_402_300_799_999},
}  # fmt: skip

Draft = tuple[str, str, str, Mapping[str, str | None], Mapping[str, Any]]


def quoted(value: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\\u2028' else c for c in value) + '"'


def drafts() -> Iterator[Draft]:
    for name, contact in CONTACTS.items():
        ids = ("contactId", "eventId", "siteId")
        yield f"ids with {name}", "engagement", "", dict.fromkeys(ids, quoted(contact)), dict.fromkeys(ids, contact)
    for fragment, text_id in IDS.items():
        ids = ("eventId", "siteId")
        yield f"integer id {fragment[:20]}", "engagement", "", dict.fromkeys(ids, fragment), dict.fromkeys(ids, text_id)
    for given, at in TIMES.items():
        yield f"time {given}", "engagement", "", {"occurredAt": f'"{given}"'}, {"at": at}
    for fragment, held in PROPERTIES.items():
        yield f"properties {fragment[:60]}", "engagement", "", {"properties": fragment}, {"properties": held}
    for name, extra in EXTRA.items():
        yield name, "engagement", "", {"siteId": extra}, {"type": "odd"}
    for name, kind, fields, becomes in COMMANDS:
        yield f"{kind} with {name}", "commands", kind, fields, becomes
    for members, becomes in ATTRIBUTES.items():
        yield f"attributes {members}", "contacts", "", {"email": f"null,{members}"}, becomes
    yield "no ids but the contact's", "engagement", "", {"eventId": None, "occurredAt": "null"}, {"eventId": None}


def corpus() -> list[Odd]:
    records: list[Odd] = []
    for (name, role, kind, fields, told), headers in zip(drafts(), cycle(HEADERS), strict=False):
        becomes = {"orgId": "1", "contactId": f"odd-{len(records)}", **told}
        value = written(role, kind or "adjust", **{"contactId": f'"{becomes["contactId"]}"', **fields})
        records.append(Odd(name, role, f"1:{becomes['contactId']}".encode(), value, headers, becomes))
    pad = MAX_BYTES - len(written("engagement", contactId='"full"', x='""'))
    value = written("engagement", contactId='"full"', x=text(pad))
    records.append(Odd("as large as may be", "engagement", b"1:full", value, [], {"contactId": "full"}))
    return records


ODD = corpus()
