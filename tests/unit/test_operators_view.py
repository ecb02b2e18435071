"""What operators are shown: state decoded, bytes made safe, dead letters, rulebooks of the past."""

import json
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from schemas.events import Rejected
from schemas.journal import PARTITION_RECORD_KEY
from schemas.state import SCHEMA_VERSION, Core, Facts, Once, ProfileState
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import AuthoredKey, ConfigLog
from stream_app.authoring.problems import Problem
from stream_app.authoring.rulebook_history import RulebookHistory, UnknownVersion
from stream_app.operations import authoring_commands, profile_commands, topic_administration
from stream_app.operations.dead_letters import DeadLetter
from stream_app.operations.shown import contact_prefix, safe_text, shown_key, shown_state, shown_time
from stream_app.operations.state_verify import state_difference
from stream_app.processing.dead_letters import dead_letter
from stream_app.processing.sections import store
from stream_app.scoring.contact import new_contact, with_facts
from stream_app.scoring.rulebook import ConfigRecord, fold

AT = "2026-03-01T14:30:00.000Z"
CORE = Core(1, 0, 86_400_000, 3, {"default": ProfileState(5, 2, 5, 2, (5,))}, {1: 2}, b"12345678abcdefgh")


class Received:
    offset, timestamp = 7, 5

    def __init__(self, value: bytes | None, headers: Any) -> None:
        self.key, self.value, self.headers = b"1:\x1b[31m", value, headers


def letter(value: bytes | None = b"{}", reason: Any = "not_json", headers: Any = (), topic: str = "in") -> DeadLetter:
    key, kept, sent = dead_letter(topic, 2, Received(value, headers), Rejected(reason, "why"))
    return DeadLetter(2, 9, 1000, key, kept, sent)


def test_a_rule_written_by_hand_is_listed_for_what_its_key_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(_: Any) -> ConfigLog:
        return ConfigLog.of([ConfigRecord(b"rule:1:7", b"{}", 0), ConfigRecord(b"rule:2:1", b"{}", 1)])

    async def there(*_: Any) -> None: ...

    monkeypatch.setattr(authoring_commands, "read_log", read)
    monkeypatch.setattr(topic_administration, "check_topics", there)
    listed = CliRunner().invoke(authoring_commands.rules, ["list", "--org", "1", "--bootstrap-servers", "127.0.0.1:1"])
    assert (listed.exit_code, listed.stdout) == (0, "7  (no name)\n")


NAMED = {"name": "\x1b]0;owned\x07\x9b2J", "eventType": "x", "points": 1}


@pytest.mark.parametrize("words", ["rules list", "profiles list", "profiles versions fit", "rules list --json"])
def test_names_cannot_act_on_the_terminal(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"id": "fit", "orgId": "1", "createdAt": AT, "updatedAt": AT, "status": "published", "version": 1}
    profile = {**body, "draft": {"name": NAMED["name"]}, "published": {"name": NAMED["name"], "rules": []}}
    rule = {"id": 7, "orgId": "1", "createdAt": AT, "updatedAt": AT, **NAMED}
    records = [(b"rule:1:7", rule), (b"profile:1:fit", profile)]

    async def read(_: Any) -> ConfigLog:
        return ConfigLog.of([ConfigRecord(key, json.dumps(value).encode(), 0) for key, value in records])

    async def there(*_: Any) -> None: ...

    monkeypatch.setattr(topic_administration, "check_topics", there)
    monkeypatch.setattr(authoring_commands, "read_log", read)
    monkeypatch.setattr(profile_commands, "read_log", read)
    noun, *rest = words.split()
    commands = {"rules": authoring_commands.rules, "profiles": profile_commands.profiles}[noun]
    told = CliRunner().invoke(commands, [*rest, "--org", "1", "--bootstrap-servers", "127.0.0.1:1"])
    assert told.exit_code == 0, told.output
    assert "owned" in told.stdout
    assert told.stdout.replace("\n", "").isprintable()
    if "--json" in rest:
        assert json.loads(told.stdout)[0]["name"] == NAMED["name"]


def test_changes_and_problems_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("/name\x1b[2J", "odd", "is \x9b2J")
    authoring_commands.print_problems([problem])
    authoring_commands.print_changes("rule", [Change("add", AuthoredKey("rule", "1", "7"), "\x1b[2J", None)])
    told = capsys.readouterr()
    assert (told.out, told.err) == ("add 7  \\x1b[2J\n", "error /name\\x1b[2J odd: is \\x9b2J\n")


def test_no_control_character_reaches_the_terminal() -> None:
    assert safe_text(b"a\x1b[2J\x00\xff\n") == "a\\x1b[2J\\x00\\xff\\n"
    assert safe_text("é €".encode()) == "é €"
    assert safe_text(b"abcdef", 3) == "abc..."
    assert safe_text(None) is None


def test_sections_are_decoded() -> None:
    key = contact_prefix("1", "42") + b"c"
    assert shown_key(key) == {"contact": "1:42", "section": "core"}
    core = shown_state(key, msgspec.msgpack.encode(CORE))
    assert core["lastAt"] == "1970-01-02T00:00:00.000Z"
    state = {"total": 5, "awards": 2, "shown": 5, "version": 2, "held": [5], "parts": None, "decay": None}
    assert core["profiles"] == {"default": state}
    assert core["recent"] == [b"12345678".hex(), b"abcdefgh".hex()]
    facts = shown_state(contact_prefix("1", "42") + b"f", msgspec.msgpack.encode(Facts(1, "a@b", ("x",), {"n": 1})))
    assert facts["tags"] == ["x"] and facts["attributes"] == {"n": 1}
    assert shown_key(contact_prefix("1", "42") + b"s12")["section"] == "seen s12"
    assert shown_state(contact_prefix("1", "42") + b"s12", b"12345678") == [b"12345678".hex()]
    assert shown_key(contact_prefix("1", "42") + b"o7")["section"] == "once o7"
    once = shown_state(contact_prefix("1", "42") + b"o7", msgspec.msgpack.encode(Once(1, 3, b"12345678")))
    assert once == {"schemaVersion": 1, "forgotten": 3, "hashes": [b"12345678".hex()]}
    assert shown_key(PARTITION_RECORD_KEY) == {"contact": None, "section": "partition record"}


@pytest.mark.parametrize("key", [b"1:42\0c", b"1:42\0f", b"1:42\0o7", PARTITION_RECORD_KEY])
def test_value_that_cannot_be_decoded_is_shown_as_bytes(key: bytes) -> None:
    assert shown_state(key, b"\xc1\x00") == "\\xc1\\x00"


def test_facts_with_integers_of_any_size_are_shown() -> None:
    changes: dict[bytes, bytes | None] = {}
    facts = Facts(SCHEMA_VERSION, None, (), {"n": 2**100}, 0)
    store(b"1:2", None, with_facts(new_contact(1, 1), facts), changes)
    shown = shown_state(b"1:2\x00f", changes[b"1:2\x00f"])
    assert json.loads(json.dumps(shown))["attributes"] == {"n": 2**100}


def test_contacts_of_an_org_do_not_hold_those_of_a_longer_name() -> None:
    assert not b"12:1\0c".startswith(contact_prefix("1"))
    assert not b"1:42\0c".startswith(contact_prefix("1", "4"))
    assert shown_time(-1) == -1


def test_difference_that_decodes_to_the_same_is_shown_in_bytes() -> None:
    told = state_difference(PARTITION_RECORD_KEY, b'{"a":1}', b'{"a": 1}')
    assert (told.replayed, told.live) == ('{"a":1}', '{"a": 1}')
    other = msgspec.structs.replace(CORE, log_id=4)
    told = state_difference(b"1:42\0c", msgspec.msgpack.encode(CORE), msgspec.msgpack.encode(other))
    assert (told.contact, told.section, told.replayed["logId"], told.live["logId"]) == ("1:42", "core", 3, 4)
    assert state_difference(b"1:42\0c", None, b"x").replayed is None


def test_redrive_sends_what_was_received_and_counts() -> None:
    first = letter(headers=[("trace", b"t"), ("trace", None)])
    assert first.redrive_headers() == [("trace", b"t"), ("trace", None), ("leadstream-redrive-count", b"1")]
    second = letter(headers=first.redrive_headers())
    assert second.redrive_headers() == [("trace", b"t"), ("trace", None), ("leadstream-redrive-count", b"2")]
    assert (second.ref, second.reason, second.origin, second.shown()["redriveCount"]) == (
        "2:9",
        "not_json",
        "in-2-7",
        1,
    )
    assert "\x1b" not in json.dumps(second.shown_whole(), ensure_ascii=False)


def test_what_cannot_be_sent_again_says_why() -> None:
    assert letter().refused(["in"]) is None
    assert "was cut" in (letter(b"x" * 70_000, "too_large").refused(["in"]) or "")
    assert letter(topic="gone").refused(["in"]) == "gone is no source of this application"
    assert DeadLetter(0, 1, 0, None, None, []).refused(["in"]) == "its origin is no source of this application"


def test_history_gives_the_rulebook_of_each_version() -> None:
    def rule(points: int) -> bytes:
        stamp = "2026-01-01T00:00:00Z"
        body = {"id": 1, "name": "A", "eventType": "email_open", "points": points, "orgId": "1"}
        return json.dumps(body | {"createdAt": stamp, "updatedAt": stamp}).encode()

    records = [ConfigRecord(b"rule:1:1", rule(n), offset) for n, offset in ((1, 0), (2, 2), (3, 5))]
    history = RulebookHistory(records)
    assert history.current().version == 6
    for version, count in ((0, 0), (1, 1), (3, 2), (6, 3), (1, 1)):
        expected = fold(fold(history.at(0), records[:count]).rulebook, []).rulebook
        assert history.at(version).version == version == expected.version
        assert [rule.points for rule in history.at(version).org("1").rules.values()] == [count] * bool(count)
    with pytest.raises(UnknownVersion, match="no rulebook version 2"):
        history.at(2)
    with pytest.raises(UnknownVersion):
        history.at(7)
    assert RulebookHistory([]).current().version == 0
