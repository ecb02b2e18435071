"""Texts of bad JSON, by what is wrong with them: the tables that the corpus of bad input is made from.

Laws: data only; JSON texts, not values, so that the spelling of every number and string is the sender's.
"""


def text(length: int) -> str:
    return '"' + "x" * length + '"'


def nested(levels: int, opening: str = "[", inner: str = "", closing: str = "]") -> str:
    return opening * levels + inner + closing * levels


# ---------------------------------------------------------------------------------------------- wrong fields
CONTROLS = [r'"\u0000"', r'"a\u001fb"', r'"a\n"', r'"\u007f"', r'"a\u0085"', r'"a\u009f"']
NO_TEXT = ["5", "true", "1.5", "[]", "{}"]
NO_ID = ["true", "1.5", "42.0", "1e2", "[]", "{}", '""', text(129), "1" * 129, *CONTROLS]
NO_TIME = [
    "5", "true", "[]", '""', '"now"', '"2020-01-01"', '"2020-01-01T00:00Z"', '"2020-01-01T00:00:00"',
    '"2020-01-01 00:00:00Z"', '"2020-01-01T00:00:60Z"', '"2020-01-01T24:00:00Z"', '"2020-01-01T00:60:00Z"',
    '"2020-02-30T00:00:00Z"', '"2020-13-01T00:00:00Z"', '"2020-00-01T00:00:00Z"', '"1969-12-31T23:59:59.999Z"',
    '"1969-12-31T23:59:59-01:00"', '"1970-01-01T00:00:00+00:01"', '"0000-01-01T00:00:00Z"', '"2020-01-01T00:00:00.Z"',
    '"2020-01-01T00:00:00,5Z"', '"2020-01-01T00:00:00+0100"', '"2020-01-01T00:00:00+24:00"',
    '"2020-01-01T00:00:00+01:60"', '"2020-1-1T00:00:00Z"', '"20200101T000000Z"', '" 2020-01-01T00:00:00Z"',
    '"2020-01-01T00:00:00Z\\n"', '"+2020-01-01T00:00:00Z"', '"2020-W01-1T00:00:00Z"', '"\u0662020-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59-00:01"',
]  # fmt: skip
NO_OBJECT = ["5", "true", '"x"', "[]", "[{}]"]
NO_INT64 = [
    "null", "true", '"5"', "5.0", "5e0", "1e2", "-0.0", "[]", "{}", "9223372036854775808", "-9223372036854775809",
    "9" * 50,
]  # fmt: skip
NO_ORG = [
    "null", *NO_ID, '"a b"', '"a:b"', '"a/b"', '"a.b"', '"\u00e4"', text(65), "1" * 65, '" 1"', "-1.0",
    '"<script>alert(1)</script>"', '"=1+1"',
]  # fmt: skip
NO_TYPE = [
    "null", *NO_TEXT, '""', '"manual"', '"Email_open"', '"email-open"', '"1st"', '"_x"', '"__proto__"', '"\u00e4"',
    '"email_open "', '"email_open\\n"', '"email.open"', text(65), '"<script>"', '"=cmd()"',
]  # fmt: skip
NO_REASON = ["5", "true", "[]", "{}", text(501)]
NO_PROFILE = ["5", "true", "[]", '""', '"A"', '"a b"', '"a:b"', '"\u00e4"', '"default\\n"', text(65)]
NO_TAG = ["null", *NO_TEXT, '""', text(129)]

WRONG: list[tuple[str, str, str, list[str]]] = [
    ("engagement", "", "orgId", NO_ORG), ("engagement", "", "contactId", ["null", *NO_ID]),
    ("engagement", "", "type", NO_TYPE), ("engagement", "", "eventId", NO_ID), ("engagement", "", "siteId", NO_ID),
    ("engagement", "", "occurredAt", [*NO_TIME, '"2999-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999Z"']),
    ("engagement", "", "properties", NO_OBJECT),
    ("contacts", "", "orgId", ["null", '"a b"', text(65)]), ("contacts", "", "contactId", ["null", '""', text(129)]),
    ("contacts", "", "email", NO_TEXT), ("contacts", "", "attributes", NO_OBJECT),
    ("contacts", "", "updatedAt", NO_TIME),
    ("commands", "adjust", "orgId", ["null", '"a b"', text(65)]),
    ("commands", "reset", "contactId", ["null", "true", '""', text(129)]),
    ("commands", "adjust", "commandId", ["null", *NO_ID]), ("commands", "reset", "at", NO_TIME),
    ("commands", "reset", "by", [*NO_TEXT, '""', text(129), *CONTROLS]), ("commands", "adjust", "points", NO_INT64),
    ("commands", "set", "score", NO_INT64), ("commands", "adjust", "reason", NO_REASON),
    ("commands", "set", "reason", NO_REASON), ("commands", "adjust", "profileId", NO_PROFILE),
    ("commands", "set", "profileId", NO_PROFILE),
    ("commands", "set", "fireTriggers", ["0", "1", '"true"', "[]", "{}"]), ("commands", "tag", "tag", NO_TAG),
    ("commands", "untag", "tag", NO_TAG), ("commands", "enrol", "programId", ["null", *NO_ID]),
]  # fmt: skip
REQUIRED = {"engagement": ("orgId", "contactId", "type"), "contacts": ("orgId", "contactId")}
NO_KIND = [
    '"merge"', '"unmerge"', '"erase"', '"Adjust"', '"adjust "', '""', '"__proto__"', "null", "5", "true", '["adjust"]',
    "{}", text(1000),
]  # fmt: skip

# ---------------------------------------------------------------------------------------------- no JSON, no sound JSON
NO_VALUE = [
    "NaN", "Infinity", "-Infinity", "nan", "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1_000", "True",
    "None", "undefined", "'x'", "[1,]", '{"a":1,}', '{"a"}', "{a:1}", "[1 2]", "[1]]", '"\x01"', '"\t"', '"\n"',
    '"\\x41"',
    '"\\u12"', '"\\u12g4"', '"\\', '"', "",
]  # fmt: skip
NO_UTF8 = {
    "0xff": b"\xff", "a cut sequence": b"\xc3", "an overlong slash": b"\xc0\xaf",
    "an encoded surrogate": b"\xed\xa0\x80",
    "beyond unicode": b"\xf4\x90\x80\x80", "a stray continuation": b"\x80",
}  # fmt: skip
UNSOUND = [
    "1e400", "-1e400", "1E+999999999999", "9" * 400 + ".5", "9" * 4301, "-" + "9" * 5000, "[1e400]", nested(128),
    nested(128, '{"a":', "1", "}"), nested(2000), nested(10_000), nested(10_000, '{"a":', "[]", "}"), r'"\ud800"',
    r'"\udc00\ud800"', r'{"\udfff":1}', r'"\ud83dx"',
]  # fmt: skip
NO_RECORD = ["[]", '"x"', "1", "null", "true", "[{}]", '"{}"', nested(10_000)]
