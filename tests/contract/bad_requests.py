"""Bad requests of our own: what is sent, and exactly what is answered.

Laws: data only; paths are as they stand on the wire, below ``/v1`` unless they begin with another ``/``; a body is JSON
text, not a value, so that its spelling is the sender's.  Contact 42 (tag `vip`) and rule 1 of site 1 belong to org 1.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.contract.bad_texts import nested, text

JSON: Final = {"Content-Type": "application/json"}
SCORE, RULES, RULE, DEFAULT = "contacts/42/score", "scoring/rules", "scoring/rules/1", "scoring/profiles/default"
ATTRIBUTES, TAGS, LOOKUP, EVENTS = "contacts/42/attributes", "contacts/42/tags", "scores/lookup", "events"
PROFILES, FIT = "scoring/profiles", "scoring/profiles/fit"
PUBLISH, UNPUBLISH, DISCARD, ROLLBACK = (
    f"{FIT}/{action}" for action in ("publish", "unpublish", "discard", "rollback")
)
MIB: Final = 1024 * 1024
DEEP: Final = nested(32)
DIGITS: Final = "9" * 5000
X129: Final = "x" * 129
SCRIPT: Final = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"


@dataclass(frozen=True)
class Bad:
    """A request and its problem: status, code, and the pointers of its errors; ``key`` is one of guarded_world."""

    method: str
    path: str
    status: int
    code: str
    pointers: tuple[str, ...] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    key: str = "admin"
    chunked: bool = False

    def __str__(self) -> str:
        sent = "" if self.body is None else self.body[:40].decode(errors="replace")
        return f"{self.method} {self.path[:60]} {sent} {self.code}"


def bad_fields(
    method: str, path: str, bodies: Mapping[str, str | tuple[str, ...]], key: str = "admin"
) -> Iterator[Bad]:
    """Yield 400s that name fields."""
    for body, told in bodies.items():
        pointers = (told,) if isinstance(told, str) else told
        yield Bad(method, path, 400, "invalid_body", pointers, body.encode(), key=key)


def no_json(method: str, path: str, texts: Iterable[str | bytes], key: str = "admin") -> Iterator[Bad]:
    for one in texts:
        yield Bad(method, path, 400, "invalid_json", body=one if isinstance(one, bytes) else one.encode(), key=key)


def parameters(path: str, queries: Iterable[str], key: str = "admin") -> Iterator[Bad]:
    """Yield 400s that name the first parameter of a query."""
    for query in queries:
        name = query.partition("=")[0]
        yield Bad("GET", f"{path}?{query}", 400, "invalid_parameter", (f"?{name}",), key=key)


def one_of(body: Mapping[str, Any], change: str) -> str:
    """Return a good body with more JSON fields, which win."""
    return json.dumps(body)[:-1] + ", " + change + "}"


# ---------------------------------------------------------------------------------------------- bodies
GOOD: Final = {
    ("POST", SCORE): '{"points": 5}', ("PUT", ATTRIBUTES): '{"attributes": {}}', ("POST", TAGS): '{"tag": "x"}',
    ("POST", LOOKUP): '{"contactIds": ["42"]}', ("POST", EVENTS): '{"contactId": "7", "type": "email_open"}',
    ("POST", RULES): '{"name": "a", "eventType": "email_open", "points": 5}', ("PUT", RULE): '{"points": 6}',
    ("PUT", DEFAULT): '{"thresholds": [50]}', ("POST", PROFILES): '{"name": "b"}', ("PUT", FIT): '{"name": "b"}',
    ("POST", ROLLBACK): '{"version": 1}',
}  # fmt: skip
MALFORMED: Final = (
    "", " ", "{", "}", "nonsense", "[1,]", "{'points': 5}", '{"points": 5,}', '{"points" 5}', '{points: 5}',
    '{"points": 5} x', '{"points": 05}', '{"points": +5}', '{"points": 5.}', '{"points": 0x5}', '{"points": 1_000}',
    '{"points": NaN}', '{"points": Infinity}', '{"points": -Infinity}', '{"points": None}', '{"points": True}',
    '{"points": 5, "reason": "a\nb"}', '{"points": 5, "reason": "\\x41"}', '{"points": 5, "reason": "\\ud800"}',
    '{"points": 5 /* five */}', "\ufeff" '{"points": 5}', "[" * 100_000, f'{{"points": {DIGITS}}}',
    b"\xff\xfe", b"\x00", b'{"points": 5, "reason": "\xc0\xaf"}', '{"points": 5}'.encode("utf-16"),
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
)  # fmt: skip
POINTS: Final = {
    "null": "", "[]": "", "5": "", '"x"': "", "true": "", "{}": "/points",
    **{f'{{"points": {value}}}': "/points" for value in (
        "null", "true", "false", "5.0", "5e0", '"5"', "[]", "{}", "[5]", str(2**63), str(-(2**63) - 1), "1e400",
        "9" * 400,
    )},
    '{"points": 5, "points": "x"}': "/points",
    '{"points": 5, "reason": 5}': "/reason", f'{{"points": 5, "reason": {text(501)}}}': "/reason",
    '{"points": 5, "profileId": "A"}': "/profileId", '{"points": 5, "profileId": ""}': "/profileId",
    '{"points": 5, "profileId": "<script>"}': "/profileId", '{"points": 5, "profileId": "=1+1"}': "/profileId",
    '{"points": 5, "__proto__": {"admin": true}}': "/__proto__", '{"points": 5, "constructor": 1}': "/constructor",
    '{"points": 5, "Points": 6}': "/Points", '{"points": 5, "profile_id": "default"}': "/profile_id",
    '{"points": 5, "orgId": "2"}': "/orgId", '{"points": 5, "commandId": "c"}': "/commandId",
    '{"points": 5, "": 1}': "/", '{"points": 5, "a/b~c": 1}': "/a~1b~0c", '{"points": 5, "<script>": 1}': "/<script>",
    '{"points": "5", "reason": 5, "x": 1}': ("/points", "/reason", "/x"),
}  # fmt: skip
NO_ATTRIBUTES: Final = {
    "[]": "", "{}": "/attributes", '{"email": "jane@example.com"}': "/attributes",
    '{"attributes": null}': "/attributes", '{"attributes": []}': "/attributes", '{"attributes": "x"}': "/attributes",
    '{"attributes": {}, "email": ""}': "/email", '{"attributes": {}, "email": 5}': "/email",
    f'{{"attributes": {{}}, "email": {text(321)}}}': "/email",
    '{"attributes": {}, "contactId": "7"}': "/contactId", '{"attributes": {}, "updatedAt": "now"}': "/updatedAt",
}  # fmt: skip
NO_TAG: Final = {
    "[]": "", "{}": "/tag", '{"tag": ""}': "/tag", '{"tag": null}': "/tag", '{"tag": 5}': "/tag",
    '{"tag": ["x"]}': "/tag", f'{{"tag": {text(129)}}}': "/tag", '{"tag": "x", "tags": []}': "/tags",
}  # fmt: skip
NO_LOOKUP: Final = {
    "[]": "", "{}": "/contactIds", '{"contactIds": []}': "/contactIds", '{"contactIds": null}': "/contactIds",
    '{"contactIds": "42"}': "/contactIds", '{"contactIds": [true]}': "/contactIds/0",
    '{"contactIds": [42, 1.5]}': "/contactIds/1", '{"contactIds": [null]}': "/contactIds/0",
    '{"contactIds": [""]}': "/contactIds/0", '{"contactIds": [{}]}': "/contactIds/0",
    '{"contactIds": [[7]]}': "/contactIds/0",
    '{"contactIds": ["42", "\\u0000"]}': "/contactIds/1", f'{{"contactIds": [{text(129)}]}}': "/contactIds/0",
    f'{{"contactIds": [{"9" * 130}]}}': "/contactIds/0", f'{{"contactIds": [{",".join(["1"] * 501)}]}}': "/contactIds",
    '{"contactIds": [true, "", 7, {}]}': ("/contactIds/0", "/contactIds/1", "/contactIds/3"),
    '{"contactIds": ["42"], "profileId": "A"}': "/profileId", '{"contactIds": ["42"], "limit": 5}': "/limit",
    '{"contact_ids": ["42"]}': ("/contactIds", "/contact_ids"),
}  # fmt: skip
EVENT: Final = {"contactId": 7, "type": "email_open"}
ONE_EVENT: Final = json.dumps(EVENT)
NO_EVENT: Final = {
    "null": "", "5": "", "[]": "", "{}": "/contactId", '{"events": []}': "/events", '{"events": null}': "/events",
    '{"events": {}}': "/events", '{"events": [5]}': "/events/0", "[null]": "/0", "[[]]": "/0",
    '{"type": "email_open"}': "/contactId", '{"contactId": 7}': "/type",
    **{one_of(EVENT, f'"contactId": {value}'): "/contactId" for value in (
        "null", "true", "1.5", '""', "[]", '"a\\u0000"', '"a\\u0085"', text(129), "1" * 129,
    )},
    **{one_of(EVENT, f'"type": {value}'): "/type" for value in (
        "null", "5", '""', '"manual"', '"Email Open"', '"<script>"', '"=cmd()"', '"__proto__"', text(65),
    )},
    **{one_of(EVENT, f'"eventId": {value}'): "/eventId" for value in ("1.5", '""', '"\\n"', text(129))},
    **{one_of(EVENT, f'"siteId": {value}'): "/siteId" for value in ("false", "[1]", '"\\u0007"')},
    **{one_of(EVENT, f'"occurredAt": {value}'): "/occurredAt" for value in (
        "5", '"yesterday"', '"2026-03-01"', '"2026-03-01 14:30:00Z"', '"1969-12-31T23:59:59Z"',
        '"2999-01-01T00:00:00Z"', '"2026-02-30T00:00:00Z"',
    )},
    **{one_of(EVENT, f'"properties": {value}'): "/properties" for value in (
        "[]", '"x"', '{"n": 1e400}', f'{{"n": {text(300_000)}}}',
    )},
    one_of(EVENT, '"orgId": "a b"'): "/orgId", one_of(EVENT, '"orgId": true'): "/orgId",
    f'[{ONE_EVENT}, {{"contactId": 8}}]': "/1/type", f'{{"events": [{ONE_EVENT}, 5, {{}}]}}':
    ("/events/1", "/events/2/contactId"), f"[{', '.join([ONE_EVENT] * 1001)}]": "",
    f'{{"events": [{", ".join([ONE_EVENT] * 1001)}]}}': "/events",
}  # fmt: skip
NEW_RULE: Final = {"name": "a", "eventType": "email_open", "points": 5}
WRONG_IN_RULE: Final = {
    **{f'"name": {value}': "/name" for value in ("null", "5", '""', text(201))},
    **{f'"eventType": {value}': "/eventType" for value in ("null", '""', '"Email Open"', '"<script>"', text(65))},
    **{f'"points": {value}': "/points" for value in (
        "null", "true", '"5"', "5.0", str(2**31), str(-(2**31) - 1), "9" * 400, "1e400",
    )},
    **{f'"siteId": {value}': "/siteId" for value in ("true", "1.5", "[]", '""', '"\\u0000"', text(129), str(2**70))},
    **{f'"eventFilter": {value}': "/eventFilter" for value in ("[]", "true", '"url"', "5")},
    '"eventFilter": {"n": 99999999999999999999}': "/eventFilter/n",
    '"eventFilter": {"a/b": 1e400}': "/eventFilter/a~1b",
    **{f'"maxPerContact": {value}': "/maxPerContact" for value in ("0", "-1", "1.0", '"3"', "true", str(2**31))},
    **{f'"active": {value}': "/active" for value in ("null", "1", '"true"')},
    '"repeatable": 0': "/repeatable", '"profileId": "A"': "/profileId", '"profileId": "other"': "/profileId",
    f'"description": {text(2001)}': "/description", f'"category": {text(201)}': "/category",
    '"publishUp": "now"': "/publishUp", '"publishUp": 5': "/publishUp",
    '"publishUp": "2026-02-01T00:00:00Z", "publishDown": "2026-01-01T00:00:00Z"': "/publishDown",
    '"oncePer": ""': "/oncePer", '"items": []': "/items", '"items": {"x": "y"}': "/items/x",
    '"id": 5': "/id", '"orgId": "2"': "/orgId", '"__proto__": {}': "/__proto__", '"constructor": 1': "/constructor",
    '"max_per_contact": 3': "/max_per_contact", f'"eventFilter": {{"a": {text(270_000)}}}': "",
}  # fmt: skip
WRONG_IN_PROFILE: Final = {
    "[]": "", "null": "", '{"thresholds": 5}': "/thresholds", '{"thresholds": [true]}': "/thresholds/0",
    '{"thresholds": ["50"]}': "/thresholds/0", '{"thresholds": [5, 50.0]}': "/thresholds/1",
    '{"thresholds": [null]}': "/thresholds/0", f'{{"thresholds": [{2**31}]}}': "/thresholds/0",
    '{"thresholds": [{}]}': "/thresholds/0/value", '{"thresholds": [{"value": "5"}]}': "/thresholds/0/value",
    '{"thresholds": [{"value": 5, "hysteresis": -1}]}': "/thresholds/0/hysteresis",
    f'{{"thresholds": {list(range(101))}}}': "/thresholds", '{"name": ""}': "/name", '{"id": "other"}': "/id",
    '{"orgId": "2"}': "/orgId", '{"__proto__": {}}': "/__proto__", '{"floor": 5, "ceiling": 4}': "",
    **{f'{{"rules": {value}}}': "/rules" for value in ("null", "{}", "5", '"x"')},
    **{f'{{"rules": [{value}]}}': "/rules/0" for value in ("null", "[]", '"x"')},
    '{"rules": [{"name": "a", "eventType": "email_open", "points": "5"}]}': "/rules/0/points",
    '{"rules": [{"id": 9, "name": "a", "eventType": "email_open", "points": 5}]}': "/rules/0/id",
    '{"rules": [{"id": true, "name": "a", "eventType": "email_open", "points": 5}]}': "/rules/0/id",
    '{"rules": [{"profileId": "x", "name": "a", "eventType": "email_open", "points": 5}]}': "/rules/0/profileId",
    '{"formula": {"average": []}}': "/formula/average", '{"formula": {"average": ["A"]}}': "/formula/average/0",
    '{"formula": {"average": ["default", "default"]}}': "/formula/average", '{"formula": 5}': "/formula",
}  # fmt: skip
WRONG_IN_FIT: Final = {
    '{"formula": {"average": ["default", "fit"]}}': "/formula/average/1",
    '{"rules": [{"id": 1, "name": "a", "eventType": "email_open", "points": 5}]}': "/rules/0/id",
    '{"formula": {"average": ["default"]}, "rules": [{"name": "a", "eventType": "email_open", "points": 5}]}':
    "/formula",
}  # fmt: skip
NO_VERSION_OF_FIT: Final = {
    "[]": "", "{}": "/version", **{f'{{"version": {value}}}': "/version" for value in (
        "null", "true", '"1"', "1.0", "0", "-1", "2", "999",
    )},
    '{"version": 1, "x": 1}': "/x",
}  # fmt: skip
NEW_KEY: Final = {"orgId": "1", "scope": "read"}
NO_KEY: Final = {
    "[]": "", "{}": ("/orgId", "/scope"), '{"orgId": "1"}': "/scope", '{"scope": "read"}': "/orgId",
    **{one_of(NEW_KEY, f'"orgId": {value}'): "/orgId" for value in (
        "null", "true", "1.0", "-1", "{}", "[]", "[5]", str(2**70), '"a b"', '"a:b"', '"<script>"', text(65),
    )},
    **{one_of(NEW_KEY, f'"scope": {value}'): "/scope" for value in ("null", "1", '"root"', '"READ"', '""')},
    one_of(NEW_KEY, '"sites": []'): "/sites", one_of(NEW_KEY, '"sites": "1"'): "/sites",
    **{one_of(NEW_KEY, f'"sites": ["1", {value}]'): "/sites/1" for value in ("true", "1.5", '""', '"\\u0000"', "{}")},
    **{one_of(NEW_KEY, f'"expiresAt": {value}'): "/expiresAt" for value in (
        "5", '"tomorrow"', '"2020-01-01T00:00:00Z"',
    )},
    one_of(NEW_KEY, '"name": ""'): "/name", one_of(NEW_KEY, '"key": "ls_mine"'): "/key",
}  # fmt: skip

BODIES: Final = (
    *no_json("POST", SCORE, MALFORMED),
    *(bad for method, path in GOOD for bad in no_json(method, path, ["", "[NaN]", b"\xff"])),
    *no_json("POST", "keys", ["", "{", '{"orgId": NaN}'], key="root"),
    *no_json("PUT", ATTRIBUTES, [f'{{"attributes": {{"n": {DIGITS}}}}}', '{"attributes": {"n": NaN}}']),
    *bad_fields("POST", SCORE, POINTS), *bad_fields("PUT", ATTRIBUTES, NO_ATTRIBUTES),
    *bad_fields("POST", TAGS, NO_TAG),
    *bad_fields("POST", LOOKUP, NO_LOOKUP), *bad_fields("POST", EVENTS, NO_EVENT),
    *bad_fields("POST", RULES, {one_of(NEW_RULE, change): told for change, told in WRONG_IN_RULE.items()}),
    *bad_fields("PUT", RULE, {f"{{{change}}}": told for change, told in WRONG_IN_RULE.items()}),
    *bad_fields("PUT", DEFAULT, {**WRONG_IN_PROFILE, '{"formula": {"average": ["fit"]}}': "/formula"}),
    *bad_fields("PUT", FIT, {**WRONG_IN_PROFILE, **WRONG_IN_FIT}), *bad_fields("POST", ROLLBACK, NO_VERSION_OF_FIT),
    *bad_fields("POST", PROFILES, {
        **{body: told for body, told in WRONG_IN_PROFILE.items() if '"id": "other"' not in body},
        **{f'{{"id": {value}}}': "/id" for value in ('""', '"A"', '"a b"', "true", "[]", text(65), '"<script>"')},
    }),
    *bad_fields("POST", "keys", NO_KEY, key="root"),
    *bad_fields("POST", RULES, {"[]": "", "null": "", "{}": ("/name", "/points", "/eventType")}),
    *(Bad(method, path, 400, "too_deep", body=f'{{"x": {DEEP}}}'.encode()) for method, path in GOOD),
    Bad("PUT", ATTRIBUTES, 400, "invalid_event", ("/attributes",), b'{"attributes": {"n": 1e400}}'),
    Bad("PUT", ATTRIBUTES, 413, "too_large", ("/attributes",), f'{{"attributes": {{"x": {text(300_000)}}}}}'.encode()),
    Bad("POST", SCORE, 400, "invalid_command", ("/profileId",), b'{"points": 5, "profileId": "__proto__"}'),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- media types, sizes
NO_JSON_TYPES: Final = (
    "text/plain", "text/csv", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/json5", "application/merge-patch+json", "json", "application/json, text/plain",
)  # fmt: skip
UNREADABLE_TYPES: Final = (f"application/json; a*{'1' * 4301}=b", "application/json; a*0*=idna'en'b")
MEDIA: Final = (
    *(Bad("POST", SCORE, 415, "unsupported_media_type", body=b'{"points": 5}', headers={"Content-Type": one})
      for one in NO_JSON_TYPES),
    Bad("POST", SCORE, 415, "unsupported_media_type", body=b'{"points": 5}', headers={}),
    *(Bad(method, path, 415, "unsupported_media_type", body=body.encode(), headers={"Content-Type": "text/plain"})
      for (method, path), body in GOOD.items()),
    Bad("POST", "keys", 415, "unsupported_media_type", body=b"{}", headers={}, key="root"),
    *(Bad(method, path, 400, "invalid_content_type", body=body.encode(), headers={"Content-Type": one})
      for (method, path), body in GOOD.items() for one in UNREADABLE_TYPES),
    *(Bad(method, path, 413, "body_too_large", body=b" " * (MIB + 1)) for method, path in GOOD),
    *(Bad(method, path, 413, "body_too_large", body=b" " * (MIB + 1), chunked=True) for method, path in GOOD),
    *(Bad(method, path, 400, "unreadable_body", body=body.encode(), headers={**JSON, "Content-Encoding": "gzip"})
      for (method, path), body in GOOD.items()),
    *(Bad(method, path, 400, "unreadable_body", body=zlib.compress(body.encode())[:-1],
          headers={**JSON, "Content-Encoding": "deflate"}) for (method, path), body in GOOD.items()),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- ids, addresses
NO_ID: Final = ("%00", "a%00b", "%0A", "%1F", "%7F", "%C2%85", X129, "%F0%9F%98%80" * 129)
NO_ADDRESS: Final = ("%", "%z", "%2", "%FF", "%E9", "%C0%AF", "%ED%A0%80", "a%", "%25%")
NOBODY: Final = (
    "a%2Fb",
    "%2E%2E%2F42",
    SCRIPT,
    "=1+1",
    "%3DHYPERLINK(%22x%22)",
    "__proto__",
    "constructor",
    "%20",
    "042",
)
CONTACT_ROUTES: Final = (
    ("GET", "contacts/{}", None), ("DELETE", "contacts/{}", None), ("GET", "contacts/{}/score", None),
    ("POST", "contacts/{}/score", '{"points": 5}'), ("PUT", "contacts/{}/attributes", '{"attributes": {}}'),
    ("POST", "contacts/{}/tags", '{"tag": "x"}'), ("DELETE", "contacts/{}/tags/vip", None),
)  # fmt: skip


def encoded(body: str | None) -> bytes | None:
    return None if body is None else body.encode()


IDS: Final = (
    *(Bad(method, path.format(one), 400, "invalid_id", ("/id",), encoded(body))
      for method, path, body in CONTACT_ROUTES for one in NO_ID),
    *(Bad(method, path.format(one), 400, "invalid_address", (), encoded(body))
      for method, path, body in CONTACT_ROUTES for one in NO_ADDRESS),
    *(Bad(method, path.format(one), 404, "contact_not_found") for method, path, body in CONTACT_ROUTES if body is None
      for one in NOBODY),
    *(Bad("DELETE", f"contacts/42/tags/{one}", 400, "invalid_tag", ("/tag",)) for one in (X129, "%F0%9F%98%80" * 129)),
    *(Bad("GET", f"scoring/rules/{one}", 404, "rule_not_found")
      for one in (*NOBODY, "0", "2", "01", "1.0", "-1", "%00")),
    *(Bad("PUT", f"scoring/rules/{one}", 404, "not_found", body=b"{}") for one in (*NOBODY, "0", "2", "01", X129)),
    *(Bad("DELETE", f"scoring/rules/{one}", 404, "not_found") for one in (*NOBODY, "0", "2", "9" * 400)),
    *(Bad("GET", f"scoring/profiles/{one}{below}", 404, "profile_not_found") for one in (*NOBODY, "%00", "FIT", X129)
      for below in ("", "/versions")),
    *(Bad(method, f"scoring/profiles/{one}{below}", 404, "not_found", body=encoded(body)) for one in (*NOBODY, "FIT")
      for method, below, body in (("PUT", "", "{}"), ("DELETE", "", None), ("POST", "/publish", None),
                                  ("POST", "/unpublish", None), ("POST", "/discard", None),
                                  ("POST", "/rollback", '{"version": 1}'))),
    *(Bad("DELETE", f"keys/{one}", 404, "key_not_found", key="root") for one in (*NOBODY, "%00", X129, "none")),
    *(Bad("GET", f"commands/c?contactId={one}", 400, "invalid_parameter", ("?contactId",)) for one in ("", *NO_ID)),
    Bad("GET", "commands/c", 400, "invalid_parameter", ("?contactId",)),
    *(Bad("GET", f"{path}?x={one}", 400, "invalid_address") for one in ("%", "%FF")
      for path in ("contacts", "stream", "accounting", "scoring/fires", "commands/c", "scoring/profiles",
                   "whoami")),
    Bad("GET", "/metrics?x=%FF", 400, "invalid_address"), Bad("GET", "keys?x=%FF", 400, "invalid_address", key="root"),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- queries, headers
NO_LIMIT: Final = ("0", "101", "-1", "+5", "1.5", "1e1", "", "x", "%00", "%EF%BC%95", DIGITS, "x&limit=5", SCRIPT)
NO_ORG: Final = ("", "a%20b", "a:b", "a%2Fb", "%00", "%C3%A4", "x" * 65, SCRIPT)
OF_ORG: Final = (
    SCORE, "contacts", "contacts/42", "commands/c?contactId=42", RULES, RULE, PROFILES, DEFAULT,
    FIT, f"{FIT}/versions", "scoring/fires", "stream",
)  # fmt: skip
NO_KEY_TEXT: Final = ("", "x" * 256, "a\tb", "\u2028", "\u00ad")
NO_VERSION: Final = ("", "nonsense", '"2"', 'W/"1"', "1", '"999"', "*, *", '"01"', '"-1"', f'"{DIGITS}"')
QUERIES: Final = (
    *(bad for path in (SCORE, RULES, "contacts", f"{FIT}/versions")
      for bad in parameters(path, (f"limit={one}" for one in NO_LIMIT))),
    *parameters(SCORE, (f"before={one}" for one in ("0", "x", "-1", "9" * 10))),
    *parameters("contacts", (
        "minScore=x", "minScore=1.5", "minScore=", f"minScore={DIGITS}", f"maxScore={2**63}", "maxScore=0x5",
        "sort=changed", "sort=", f"sort={SCRIPT}", "cursor=", "cursor=x", "cursor=%00", "cursor=MTo",
        "cursor=eHg6NDI=", "profileId=A", "profileId=", "profileId=%00",
    )),
    *parameters(RULES, ("cursor=0", "cursor=x", "cursor=", "cursor=99999999999")),
    *parameters(f"{FIT}/versions", ("cursor=0", "cursor=x", "cursor=", "cursor=9999999999")),
    *parameters("stream", ("last=-1", "last=501", "last=x", "last=", f"last={DIGITS}")),
    *(Bad("GET", f"{SCORE}?profileId={one}", 404, "profile_not_found")
      for one in ("none", "", "%00", SCRIPT, "__proto__")),
    *(Bad("GET", f"{path}{'&' if '?' in path else '?'}orgId={one}", 403, "foreign_org")
      for path in OF_ORG for one in ("2", SCRIPT)),
    *(bad for path in (*OF_ORG, "keys") if "?" not in path
      for bad in parameters(path, (f"orgId={one}" for one in NO_ORG), key="root")),
)  # fmt: skip
FOREIGN_ORG: Final = '"orgId": 2'
FOREIGN: Final = (
    *(Bad(method, f"{path}?orgId=2", 403, "foreign_org", body=body.encode()) for (method, path), body in GOOD.items()),
    *(Bad("DELETE", f"{path}?orgId=2", 403, "foreign_org")
      for path in ("contacts/42", f"{TAGS}/vip", RULE, DEFAULT, FIT)),
    *(Bad("POST", f"{path}?orgId=2", 403, "foreign_org") for path in (PUBLISH, UNPUBLISH, DISCARD)),
    *(Bad(method, path, 403, "other_site", body=encoded(body), key="sites") for method, path, body in (
        ("POST", PROFILES, '{"name": "b"}'), ("PUT", FIT, "{}"), ("DELETE", FIT, None), ("POST", PUBLISH, None),
        ("POST", UNPUBLISH, None), ("POST", DISCARD, None), ("POST", ROLLBACK, '{"version": 1}'),
    )),
    Bad("POST", EVENTS, 403, "foreign_org", ("/orgId",), one_of(EVENT, FOREIGN_ORG).encode()),
    Bad("POST", EVENTS, 403, "foreign_org", ("/1/orgId",), f"[{ONE_EVENT}, {one_of(EVENT, FOREIGN_ORG)}]".encode()),
    Bad("POST", EVENTS, 403, "foreign_site", ("/siteId",), ONE_EVENT.encode(), key="sites"),
    Bad("POST", EVENTS, 403, "foreign_site", ("/siteId",), one_of(EVENT, '"siteId": "1"').encode(), key="sites"),
    Bad("POST", RULES, 403, "other_site", body=json.dumps(NEW_RULE).encode(), key="sites"),
    Bad("PUT", RULE, 404, "not_found", body=b'{"points": 6}', key="sites"),
)  # fmt: skip
HEADERS: Final = (
    *(Bad("POST", path, 400, "invalid_idempotency_key", body=encoded(GOOD["POST", path]),
          headers={**JSON, "Idempotency-Key": one})
      for path in (SCORE, TAGS, RULES, EVENTS, PROFILES, ROLLBACK) for one in NO_KEY_TEXT),
    *(Bad("POST", "keys", 400, "invalid_idempotency_key", body=b'{"orgId": "1", "scope": "read"}', key="root",
          headers={**JSON, "Idempotency-Key": one}) for one in NO_KEY_TEXT),
    *(Bad("POST", path, 400, "invalid_idempotency_key", headers={"Idempotency-Key": one})
      for path in (PUBLISH, UNPUBLISH, DISCARD) for one in NO_KEY_TEXT),
    *(Bad(method, path, 412, "precondition_failed", body=encoded(body), headers={**JSON, "If-Match": one})
      for method, path, body in (("PUT", RULE, '{"points": 6}'), ("DELETE", RULE, None), ("PUT", DEFAULT, "{}"),
                                 ("DELETE", DEFAULT, None), ("PUT", FIT, "{}"), ("DELETE", FIT, None),
                                 ("POST", PUBLISH, None), ("POST", UNPUBLISH, None), ("POST", DISCARD, None),
                                 ("POST", ROLLBACK, '{"version": 1}')) for one in NO_VERSION),
    *(Bad("GET", "stream", 400, "invalid_event_id", ("Last-Event-ID",), headers={"Last-Event-ID": one})
      for one in ("x", "1-2", "0-0-0", ",", "{}", "<script>", DIGITS)),
    *(Bad("GET", path, 421, "wrong_host", headers={"Host": "evil.example"})
      for path in ("contacts/42", "/metrics", "/", "/docs", "/openapi.json", "/page/page.js")),
    *(Bad("GET", path, 431, "headers_too_large", headers={f"X-Filler-{n}": "x" * 900 for n in range(10)})
      for path in ("contacts/42", "/live", "/ready")),
    Bad("DELETE", DEFAULT, 409, "default_profile"),
    *(Bad("POST", f"{DEFAULT}/{action}", 409, "always_live") for action in ("unpublish", "discard")),
    Bad("POST", f"{DEFAULT}/rollback", 409, "always_live", body=b'{"version": 1}'),
    *(Bad("POST", PROFILES, 409, "id_taken", ("/id",), f'{{"id": "{one}"}}'.encode()) for one in ("fit", "default")),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- methods, nowhere
WRONG_METHODS: Final = (
    ("PUT", SCORE), ("PATCH", SCORE), ("DELETE", SCORE), ("OPTIONS", SCORE), ("TRACE", SCORE), ("POST", "contacts"),
    ("POST", "contacts/42"), ("PATCH", "contacts/42"), ("GET", ATTRIBUTES), ("GET", TAGS), ("GET", f"{TAGS}/vip"),
    ("GET", LOOKUP), ("GET", EVENTS), ("DELETE", EVENTS), ("PATCH", RULE), ("PATCH", RULES), ("POST", DEFAULT),
    ("PUT", PROFILES), ("DELETE", PROFILES), ("GET", PUBLISH), ("POST", f"{FIT}/versions"),
    ("POST", "scoring/fires"), ("POST", "stream"), ("POST", "accounting"), ("POST", "whoami"),
    ("PUT", "keys"), ("GET", "keys/demo"), ("PUT", "commands/c"), ("POST", "/metrics"), ("POST", "/live"),
    ("POST", "/ready"), ("POST", "/"), ("PUT", "/openapi.json"), ("DELETE", "/docs"), ("POST", "/page/page.js"),
)  # fmt: skip
NOWHERE: Final = (
    "/v2/contacts", "/v1", "/v1/", "/V1/contacts/42", "/v1//contacts", "/contacts/42", "/v1/contacts/42/score/",
    "/v1/contacts//score", "/v1/contacts/a/b/score", "/v1/scoring/profiles/fit/other", "/api/v2/contacts",
    "/api/contacts/42", "/table/contacts", "/router/x", "/page/none.js", "/page/%00", "/page/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/etc/passwd", "/page/../server.py", f"/{SCRIPT}", "/__proto__", "/" + "x" * 4000,
)  # fmt: skip
ADDRESSES: Final = (
    *(Bad(method, path, 405, "method_not_allowed", headers={}) for method, path in WRONG_METHODS),
    *(Bad("GET", path, 404, "not_found", headers={}) for path in NOWHERE),
)  # fmt: skip

# ---------------------------------------------------------------------------------------------- CSV
CSV: Final = {"Content-Type": "text/csv"}
FORM: Final = {"Content-Type": "multipart/form-data; boundary=b"}
NO_CSV: Final = (
    (b"", "no_header", ("/1",)), (b"\n", "no_header", ("/1",)), (b"contactId,score\n7,1\n\xff", "not_utf8", ("/3",)),
    ("contactId,score\n7,1\n".encode("utf-16"), "not_utf8", ("/1",)),
    (b'contactId,score\n7,1\n"8', "invalid_csv", ("/3",)), (b'contactId,score\n7,"1"x\n', "invalid_csv", ("/2",)),
    (b"contactId;score\n7;1\n", "unknown_column", ("/1/contactId;score",)),
    (b"contactId,score,__proto__\n", "unknown_column", ("/1/__proto__",)),
    (b"contactId,score,a/b\n", "unknown_column", ("/1/a~1b",)), (b"contactId,Score\n", "unknown_column", ("/1/Score",)),
    (b"=1+1,<script>\n", "unknown_column", ("/1/=1+1", "/1/<script>")),
    (b"score,score\n", "repeated_column", ("/1/score",)), (b"contactId\n7\n", "missing_column", ("/1/score",)),
    (b"reason\n", "missing_column", ("/1/contactId", "/1/score")),
    (b'{"contactId": 7, "score": 1}', "unknown_column", ('/1/{"contactId": 7', '/1/ "score": 1}')),
)  # fmt: skip
GOOD_CSV: Final = b"contactId,score\n7,1\n"
IMPORTS: Final = (
    *(Bad("POST", "imports", 400, code, pointers, body, CSV) for body, code, pointers in NO_CSV),
    *(Bad("POST", "imports", 415, "unsupported_media_type", body=GOOD_CSV, headers={"Content-Type": one} if one else {})
      for one in ("", "text/plain", "application/json", "text/csv; charset=utf-16", "multipart/mixed; boundary=b")),
    *(Bad("POST", "imports", 400, "invalid_form", body=body, headers=FORM)
      for body in (b"", b"--b--", GOOD_CSV, b"--b\r\nX: y\r\n\r\ncontactId,score", b"--c\r\n\r\n7,1\r\n--c--")),
    *(Bad("POST", "imports", 400, code, body=GOOD_CSV, headers={"Content-Type": f"multipart/form-data; {parameter}"})
      for code, parameter in (("invalid_content_type", "boundary*0*=idna'en'b"),
                              ("invalid_form", "boundary*0*=%00'en'b"))),
    *(Bad("POST", f"imports?{query}", 400, "invalid_parameter", (f"?{query.partition('=')[0]}",), GOOD_CSV, CSV)
      for query in ("profileId=A", "profileId=", "profileId=%00", "profileId=none", f"profileId={SCRIPT}",
                    "fireTriggers=", "fireTriggers=1", "fireTriggers=TRUE")),
    *(Bad("POST", "imports", 400, "invalid_idempotency_key", body=GOOD_CSV, headers={**CSV, "Idempotency-Key": one})
      for one in NO_KEY_TEXT),
    *(Bad("POST", "imports", 413, "body_too_large", body=b" " * (MIB + 1), headers=CSV, chunked=chunked)
      for chunked in (False, True)),
    Bad("POST", "imports?orgId=2", 403, "foreign_org", body=GOOD_CSV, headers=CSV),
    *(Bad("POST", "imports", 400, "unreadable_body", body=body, headers={**CSV, "Content-Encoding": encoding})
      for encoding, whole in (("gzip", gzip.compress(GOOD_CSV, mtime=0)), ("deflate", zlib.compress(GOOD_CSV)))
      for body in (GOOD_CSV, whole[:-1], whole[:-6], whole + b"x")),
    Bad("POST", "imports", 415, "unsupported_content_encoding", body=GOOD_CSV,
        headers={**CSV, "Content-Encoding": "br"}),
    Bad("GET", "imports", 405, "method_not_allowed"),
)  # fmt: skip

BAD_REQUESTS: Final = (*BODIES, *MEDIA, *IDS, *IMPORTS, *QUERIES, *FOREIGN, *HEADERS, *ADDRESSES)
