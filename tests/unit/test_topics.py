"""Topics: what is declared (contract section 2) and how a cluster may differ from it."""

import pytest

from topics.declarations import DAY_MS, Topics, TopicSpec, declare
from topics.difference import ActualTopic, diff

TOPICS = declare("ls", "app", 8, [("mail", "keyed"), ("web", "any")])


def as_it_should_be(topics: Topics) -> dict[str, ActualTopic]:
    return {spec.name: actual(spec) for spec in topics.all}


def actual(spec: TopicSpec, partitions: int | None = None, replicas: int = 1, **configs: str) -> ActualTopic:
    changed = {name.replace("_", "."): value for name, value in configs.items()}
    return ActualTopic(spec.name, partitions or spec.partitions, replicas, {**spec.configs, **changed})


@pytest.mark.parametrize(
    ("name", "partitions", "days", "policy"),
    [
        ("ls.rekeyed", 8, 90, "delete"),
        ("ls.commands", 8, 90, "delete"),
        ("ls.config", 1, None, "delete"),
        ("ls.score-changed", 8, 400, "delete"),
        ("ls.threshold-crossed", 8, 30, "delete"),
        ("ls.label-changed", 8, 30, "delete"),
        ("ls.segment-changed", 8, 30, "delete"),
        ("ls.trigger-fired", 8, 30, "delete"),
        ("ls.program-moved", 8, 30, "delete"),
        ("ls.dead-letters", 8, 30, "delete"),
        ("ls.journal", 8, 90, "delete"),
    ],
)
def test_streams_are_kept_as_promised(name: str, partitions: int, days: int | None, policy: str) -> None:
    spec = next(spec for spec in TOPICS.all if spec.name == name)
    assert (spec.partitions, spec.configs["cleanup.policy"]) == (partitions, policy)
    assert spec.configs["retention.ms"] == ("-1" if days is None else str(days * DAY_MS))
    assert spec.configs["retention.bytes"] == "-1"


@pytest.mark.parametrize(
    ("name", "partitions", "delete_days", "lag_days"),
    [("ls.contacts", 8, 30, 90), ("ls.api-keys", 1, 1, 0), ("app-contacts-changelog", 8, 7, 0)],
)
def test_compacted_topics_keep_tombstones_long_enough(
    name: str, partitions: int, delete_days: int, lag_days: int
) -> None:
    spec = next(spec for spec in TOPICS.all if spec.name == name)
    assert (spec.partitions, spec.configs["cleanup.policy"]) == (partitions, "compact")
    assert spec.configs["delete.retention.ms"] == str(delete_days * DAY_MS)
    assert spec.configs["min.compaction.lag.ms"] == str(lag_days * DAY_MS)


def test_own_topics_take_the_brokers_time_and_sources_their_senders() -> None:
    own = [spec for spec in TOPICS.all if spec.role == "own"]
    assert {spec.configs["message.timestamp.type"] for spec in own} == {"LogAppendTime"}
    assert {spec.configs["message.timestamp.type"] for spec in TOPICS.engagement} == {"CreateTime"}
    assert TOPICS.dead_letters.configs["max.message.bytes"] == "4194304"


def test_a_partition_reads_commands_first_and_never_unkeyed_sources() -> None:
    assert [spec.name for spec in TOPICS.sources] == ["ls.commands", "ls.contacts", "mail", "ls.rekeyed"]
    assert [spec.name for spec in TOPICS.unkeyed] == ["web"]
    assert len(TOPICS.all) == 16 and len(TOPICS.outputs) == 7


def test_topics_that_hold_contacts_have_one_partition_count() -> None:
    assert {spec.partitions for spec in TOPICS.all if spec.co_partitioned} == {8}
    assert [spec.name for spec in TOPICS.all if not spec.co_partitioned] == ["web", "ls.config", "ls.api-keys"]


@pytest.mark.parametrize("sources", [[("a", "keyed"), ("a", "any")], [("ls.config", "keyed")]])
def test_two_topics_of_one_name_are_refused(sources: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="two topics are named"):
        declare("ls", "app", 8, sources)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_no_difference_when_all_is_well() -> None:
    assert diff(as_it_should_be(TOPICS), TOPICS.all) == []


def test_missing_topics_are_to_be_created() -> None:
    cluster = as_it_should_be(TOPICS)
    del cluster["ls.config"], cluster["mail"]
    found = diff(cluster, TOPICS.all)
    assert [(d.topic, d.kind, d.severity, d.wanted) for d in found] == [
        ("mail", "create", "apply", "8"),
        ("ls.config", "create", "apply", "1"),
    ]
    assert found[1].message == "ls.config is missing: to be created with 1 partition"


@pytest.mark.parametrize("count", [4, 16])
def test_wrong_partition_count_is_refused_and_names_both_topics_and_counts(count: int) -> None:
    cluster = as_it_should_be(TOPICS) | {"ls.commands": actual(TOPICS.commands, count)}
    (found,) = diff(cluster, TOPICS.all)
    assert (found.topic, found.kind, found.severity) == ("ls.commands", "partitions", "refuse")
    assert found.message == f"ls.commands has {count} partitions, mail has 8: growing needs a new prefix and a replay"


def test_growing_all_topics_is_refused() -> None:
    found = diff(as_it_should_be(TOPICS), declare("ls", "app", 16, [("mail", "keyed"), ("web", "any")]).all)
    assert {d.severity for d in found} == {"refuse"} and len(found) == 13
    assert found[0].message == "mail has 8 partitions, 16 wanted: growing needs a new prefix and a replay"


def test_config_topic_must_have_one_partition() -> None:
    (found,) = diff(as_it_should_be(TOPICS) | {"ls.config": actual(TOPICS.config, 2)}, TOPICS.all)
    assert found.message == "ls.config has 2 partitions, 1 wanted: it keeps one order"


def test_unkeyed_sources_may_have_any_count_and_owners_may_set_their_configs() -> None:
    web, mail = TOPICS.unkeyed[0], TOPICS.keyed[0]
    cluster = as_it_should_be(TOPICS)
    cluster |= {"web": actual(web, 3), "mail": actual(mail, message_timestamp_type="LogAppendTime")}
    assert diff(cluster, TOPICS.all) == []


def test_changed_configs_are_to_be_applied() -> None:
    cluster = as_it_should_be(TOPICS) | {"ls.journal": actual(TOPICS.journal, retention_ms="1000")}
    (found,) = diff(cluster, TOPICS.all)
    assert (found.kind, found.severity, found.config, found.actual) == ("config", "apply", "retention.ms", "1000")
    assert found.message == "ls.journal: retention.ms is 1000, 7776000000 wanted"


def test_replicas_are_told_but_not_changed() -> None:
    wanted = declare("ls", "app", 8, [("mail", "keyed"), ("web", "any")], 3)
    found = diff(as_it_should_be(wanted), wanted.all)
    assert {(d.kind, d.severity) for d in found} == {("replication", "tell")}
    assert diff(as_it_should_be(TOPICS), TOPICS.all) == []
