"""Edits are planned on all that is committed, applied one after the other, and never twice."""

import asyncio
import json
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from schemas.config_headers import RequestMark, mark_of
from schemas.times import format_time
from stream_app.authoring.config_log import REMEMBERED_MS, AuthoredKey, ConfigLog
from stream_app.authoring.editor import ConfigUnavailable, Editor
from stream_app.authoring.edits import Create, Delete, Done, Edit, Failed, Put
from stream_app.authoring.puts import plan_put
from stream_app.authoring.rule_puts import MAX_RULES_PER_ORG
from stream_app.scoring.rulebook import ConfigRecord
from tests.connected.waiting import until
from tests.unit.config_fakes import MemoryConfig, once

RULE: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}
FIRST = AuthoredKey("rule", "1", "1")
DEFAULT = AuthoredKey("profile", "1", "default")


def create(fields: object = RULE, **more: Any) -> Create:
    return Create(kind="rule", org_id="1", fields=fields, **more)


def patch(fields: object, key: AuthoredKey = FIRST, **more: Any) -> Put:
    return Put(key=key, fields=fields, partial=True, **more)


def codes(outcome: Done | Failed) -> list[tuple[str, str]]:
    assert isinstance(outcome, Failed) and outcome.reason == "invalid"
    return [(problem.pointer, problem.code) for problem in outcome.problems]


async def done(config: MemoryConfig, edit: Edit) -> Done:
    outcome = await config.apply(edit)
    assert isinstance(outcome, Done), outcome
    return outcome


async def body(config: MemoryConfig, edit: Edit) -> dict[str, Any]:
    stored = (await done(config, edit)).stored
    assert stored is not None
    return dict(stored.body)


async def test_an_id_is_never_given_twice() -> None:
    config = MemoryConfig()
    assert [(await body(config, create()))["id"] for _ in range(2)] == [1, 2]
    assert (await done(config, Delete(key=AuthoredKey("rule", "1", "2")))).stored is None
    assert (await body(config, create()))["id"] == 3
    assert await config.apply(patch({}, AuthoredKey("rule", "1", "2"))) == Failed("not_found")


async def test_a_put_of_a_rule_keeps_what_it_does_not_name_and_null_clears() -> None:
    config = MemoryConfig()
    made = await body(config, create({**RULE, "siteId": 7, "maxPerContact": 3, "description": "d"}))
    config.now += 1000
    changed = await body(config, patch({"points": 9, "maxPerContact": None, "siteId": None}))
    assert changed == {**made, "points": 9, "maxPerContact": None, "siteId": None, "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > made["updatedAt"]


async def test_what_was_given_out_is_taken_back_and_writes_nothing() -> None:
    config = MemoryConfig()
    first = await done(config, create())
    config.now += 1000
    assert first.stored is not None
    again = await done(config, patch(first.stored.body))
    assert (again.stored, again.version, len(config.records)) == (first.stored, first.version, 1)


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        (FIRST, {"name": "Quiet", "points": -5, "inactivity": {"days": 30}}),
        (DEFAULT, {"name": "Lead score", "decay": {"halfLifeDays": 14}}),
    ],
)
async def test_a_put_over_a_record_whose_updated_at_is_no_time_writes_it_anew(key: AuthoredKey, fields: Any) -> None:
    config = MemoryConfig()
    put = Put(key=key, fields=fields, partial=False)
    made = await body(config, create(fields) if key == FIRST else put)
    config.append(key.encode(), json.dumps({**made, "updatedAt": "yesterday"}).encode())
    config.now += 1000
    written = await body(config, put)
    assert written == {**made, "updatedAt": format_time(config.now)}
    config.now += 1000
    assert (await body(config, put), len(config.records)) == (written, 3)


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"name": None}, "/name", "not_a_string"),
        ({"eventType": None}, "/eventType", "required"),
        ({"points": None}, "/points", "not_an_integer"),
        ({"active": None}, "/active", "not_a_boolean"),
        ({"points": 5.0}, "/points", "not_an_integer"),
        ({"pionts": 5}, "/pionts", "unknown_field"),
        ({"profileId": "fit"}, "/profileId", "unknown_profile"),
        ({"eventFilter": {"a": "x" * 300_000}}, "", "too_large"),
        ({"id": 2}, "/id", "wrong_id"),
        ({"orgId": 2}, "/orgId", "other_org"),
        ([], "", "not_an_object"),
        (None, "", "not_an_object"),
    ],
)
async def test_a_wrong_patch_names_the_field_and_writes_nothing(fields: object, pointer: str, code: str) -> None:
    config = MemoryConfig()
    await done(config, create())
    assert codes(await config.apply(patch(fields))) == [(pointer, code)]
    assert len(config.records) == 1


async def test_an_author_gives_no_id() -> None:
    assert codes(await MemoryConfig().apply(create({**RULE, "id": 9}))) == [("/id", "read_only")]


async def test_warnings_come_with_the_outcome() -> None:
    made = await done(MemoryConfig(), create({**RULE, "points": 0}))
    assert [(warning.pointer, warning.code) for warning in made.warnings] == [("/points", "no_points")]


async def test_an_org_has_at_most_500_rules() -> None:
    config = MemoryConfig()
    for change in plan_put("rule", ConfigLog(), "1", [RULE] * MAX_RULES_PER_ORG, "").changes:
        config.append(change.key.encode(), change.value)
    refused = await config.apply(create())
    assert isinstance(refused, Failed) and refused.reason == "too_many_rules"
    await done(config, Create(kind="rule", org_id="2", fields=RULE))
    await done(config, Delete(key=FIRST))
    await done(config, create())


async def test_of_two_edits_of_one_version_one_succeeds() -> None:
    config = MemoryConfig()
    made = await done(config, create())
    edits = [patch({"points": n}, versions=frozenset({made.version})) for n in (6, 7)]
    outcomes = await asyncio.gather(*map(config.apply, edits))
    assert isinstance(outcomes[0], Done) and outcomes[1] == Failed("changed_meanwhile")
    assert await config.apply(Delete(key=FIRST, versions=frozenset({made.version}))) == Failed("changed_meanwhile")


async def test_the_default_profile_is_there_before_it_was_put_and_is_never_deleted() -> None:
    config = MemoryConfig()
    assert await config.apply(Delete(key=DEFAULT)) == Failed("default_profile")
    put = Put(key=DEFAULT, fields={"thresholds": [50]}, partial=False, versions=frozenset({0}))
    assert (await body(config, put))["thresholds"] == [50]
    assert await config.apply(put) == Failed("changed_meanwhile")
    second = (await done(config, Put(key=DEFAULT, fields={}, partial=False))).stored
    assert second is not None and (second.body["thresholds"], second.revision) == ([], 2)
    other = AuthoredKey("profile", "1", "fit")
    assert await config.apply(Put(key=other, fields={}, partial=False)) == Failed("not_found")


async def test_a_key_of_some_sites_edits_these_only() -> None:
    config, sites = MemoryConfig(), frozenset({"7"})
    await done(config, create({**RULE, "siteId": 8}))
    await done(config, create())
    assert await config.apply(create(sites=sites)) == Failed("other_site")
    assert await config.apply(create({**RULE, "siteId": 8}, sites=sites)) == Failed("other_site")
    for rule_id in ("1", "2"):
        key = AuthoredKey("rule", "1", rule_id)
        assert await config.apply(patch({"points": 1}, key, sites=sites)) == Failed("not_found")
        assert await config.apply(Delete(key=key, sites=sites)) == Failed("not_found")
    assert await config.apply(Put(key=DEFAULT, fields={}, partial=False, sites=sites)) == Failed("other_site")
    assert (await body(config, create({**RULE, "siteId": 7}, sites=sites)))["id"] == 3
    third = AuthoredKey("rule", "1", "3")
    assert await config.apply(patch({"siteId": None}, third, sites=sites)) == Failed("other_site")
    assert (await body(config, patch({"points": 1}, third, sites=sites)))["points"] == 1


async def test_a_repeated_request_gets_the_first_outcome() -> None:
    config = MemoryConfig()
    mark = RequestMark.of("k", RULE)
    first = await done(config, create(mark=mark))
    await done(config, patch({"points": 6}))
    await done(config, Delete(key=FIRST))
    assert await config.apply(create({**RULE, "points": 5}, mark=mark)) == first
    assert await config.apply(create({**RULE, "points": 6}, mark=RequestMark.of("k", {}))) == Failed("key_reused")
    other = await done(config, Create(kind="rule", org_id="2", fields=RULE, mark=mark))
    assert other.key == AuthoredKey("rule", "2", "1")
    assert await config.apply(create(mark=mark, sites=frozenset({"7"}))) == Failed("other_site")
    assert mark_of(config.records[0].headers) == mark


async def test_a_request_is_forgotten_after_a_day_of_broker_time() -> None:
    config = MemoryConfig()
    mark = RequestMark.of("k", RULE)
    await done(config, create(mark=mark))
    config.now += REMEMBERED_MS - 1
    assert (await done(config, create(mark=mark))).key.id == "1"
    config.now += 1
    assert (await done(config, create(mark=mark))).key.id == "2"
    config.now += REMEMBERED_MS + 1
    await done(config, create())
    assert config.log.made == {}


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\x7f"])
def test_an_idempotency_key_is_short_and_printable(key: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        RequestMark.of(key, {})


def test_the_hash_of_a_body_does_not_know_spacing_or_order() -> None:
    first, second = ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}')
    assert RequestMark.of("k", json.loads(first)) == RequestMark.of("k", json.loads(second))
    assert RequestMark.of("k", {"a": 1}) != RequestMark.of("k", {"a": True})


@pytest.mark.parametrize("headers", [(), ((b := "leadstream-body-sha256", b"x"),), ((b, b"x"), ("k", b"\xff"))])
def test_headers_without_both_parts_carry_no_mark(headers: Any) -> None:
    assert mark_of(headers) is None


def test_headers_that_are_no_text_carry_no_mark() -> None:
    marked = dict(RequestMark("k", "h").headers())
    assert mark_of([(name, b"\xff") for name in marked]) is None


async def test_an_edit_is_planned_on_all_that_is_committed() -> None:
    config = MemoryConfig()
    await done(config, create())
    await config.open()  # the command line fences the editor and writes
    value = json.dumps({**RULE, "id": 2, "name": "From the command line"}).encode()
    config.append(b"rule:1:2", value)
    assert (await body(config, create()))["id"] == 3
    assert (config.opened, len(config.records)) == (3, 3)  # fenced, opened again, planned anew


async def test_a_refusal_is_as_fresh_as_a_write() -> None:
    config = MemoryConfig()
    made = await done(config, create())
    await config.open()
    record = config.append(b"rule:1:1", json.dumps({**RULE, "id": 1, "orgId": "1"}).encode())
    newer = patch({"points": 8}, versions=frozenset({record.offset + 1}))
    assert await config.apply(patch({"points": 7}, versions=frozenset({made.version}))) == Failed("changed_meanwhile")
    assert (await body(config, newer))["points"] == 8


async def test_an_edit_whose_commit_failed_is_made_again() -> None:
    config = MemoryConfig()
    config.before_commit = once(KafkaTimeoutError())
    assert (await body(config, create()))["id"] == 1
    assert (config.opened, len(config.records)) == (2, 1)


async def test_an_edit_that_was_committed_although_it_failed_is_not_made_twice() -> None:
    config = MemoryConfig()
    config.after_commit = once(KafkaTimeoutError())
    assert (await body(config, create()))["id"] == 1
    assert (config.opened, len(config.records)) == (2, 1)
    assert (await body(config, create()))["id"] == 2


async def test_a_broker_that_is_down_is_told_with_what_is_known() -> None:
    config = MemoryConfig()
    config.down = True
    with pytest.raises(ConfigUnavailable) as known:
        await config.apply(create())
    assert not known.value.maybe_written and not config.editor.writing
    config.down = False

    def fail() -> None:
        config.down = True
        raise KafkaConnectionError

    config.after_commit = fail
    with pytest.raises(ConfigUnavailable) as unknown:
        await config.apply(create())
    assert unknown.value.maybe_written
    config.down, config.after_commit = False, lambda: None
    assert (await body(config, create()))["id"] == 2


async def test_the_right_to_write_is_given_back_when_told_and_taken_again() -> None:
    config = MemoryConfig()
    await done(config, create())
    assert config.editor.writing
    await config.editor.close()
    assert not config.editor.writing and config.writer is None
    assert (await body(config, create()))["id"] == 2


async def test_an_idle_editor_gives_the_right_to_write_back() -> None:
    config = MemoryConfig()
    config.editor = Editor(config.open, config, lambda: config.now, idle_seconds=0)
    await done(config, create())
    await until(lambda: not config.editor.writing)
    assert (await body(config, create()))["id"] == 2


def test_a_log_takes_published_rules_that_nobody_could_have_written() -> None:
    odd: list[Any] = [5, {"id": "1"}, {"id": True}, {}, {"id": 1}]
    bodies: list[Any] = [{"version": "x", "published": {"rules": odd}}, {"published": {"rules": 5}}, {"published": 5}]
    log = ConfigLog()
    for body in (bodies[0], *bodies):
        for name in ("a", "b"):
            record = ConfigRecord(f"profile:1:{name}".encode(), json.dumps(body).encode(), log.version)
            log.add(record)
    log.add(ConfigRecord(b"profile:1:a", None, log.version))
    assert log.objects("profile", "1") == {"b": {"published": 5}}


def test_the_log_counts_deleted_and_unreadable_ids_of_an_org() -> None:
    log = ConfigLog.of([ConfigRecord(b"rule:1:4", b"[]", 0), ConfigRecord(b"rule:2:9", None, 1)])
    assert [log.highest_rule_id(org) for org in ("1", "2", "3")] == [4, 9, 0]
