"""The difference between the topics that are and the topics that should be, as a pure function.

Laws: a partition count is never changed: it decides where a contact is, so growing means a new prefix and a replay;
configs of engagement sources are their owners' and are not compared; same inputs, same list, in the order wanted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from topics.declarations import BROKER_DEFAULT, TopicSpec

Kind = Literal["create", "config", "partitions", "replication"]
Severity = Literal["apply", "refuse", "tell"]


@dataclass(frozen=True, slots=True)
class ActualTopic:
    """A topic as a cluster has it; ``configs`` holds effective values, defaults included."""

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; ``severity``: apply mends it, refuse stops workers, tell is for people to know."""

    topic: str
    kind: Kind
    severity: Severity
    message: str
    config: str | None = None
    actual: str | None = None
    wanted: str | None = None


def diff(actual: Mapping[str, ActualTopic], wanted: Iterable[TopicSpec]) -> list[Difference]:
    """Return what differs between the topics of a cluster, by name, and the wanted ones; empty when all is well."""
    specs = list(wanted)
    found: list[Difference] = []
    for spec in specs:
        if (topic := actual.get(spec.name)) is None:
            found.append(_missing(spec))
            continue
        if spec.role != "any" and topic.partitions != spec.partitions:
            found.append(_wrong_count(spec, topic, actual, specs))
        if spec.role == "own":
            found += _configs(spec, topic)
            found += _replication(spec, topic)
    return found


def _missing(spec: TopicSpec) -> Difference:
    message = f"{spec.name} is missing: to be created with {_partitions(spec.partitions)}"
    return Difference(spec.name, "create", "apply", message, wanted=str(spec.partitions))


def _wrong_count(
    spec: TopicSpec, topic: ActualTopic, actual: Mapping[str, ActualTopic], specs: Sequence[TopicSpec]
) -> Difference:
    """Name the topic, its count, and one that differs from it: a contact would be in two partition numbers."""
    has = f"{spec.name} has {_partitions(topic.partitions)}"
    other = _other_count(topic, actual, specs) if spec.co_partitioned else None
    but = f"{other.name} has {other.partitions}" if other else f"{spec.partitions} wanted"
    why = "growing needs a new prefix and a replay" if spec.co_partitioned else "it keeps one order"
    message = f"{has}, {but}: {why}"
    return Difference(
        spec.name, "partitions", "refuse", message, actual=str(topic.partitions), wanted=str(spec.partitions)
    )


def _other_count(
    topic: ActualTopic, actual: Mapping[str, ActualTopic], specs: Sequence[TopicSpec]
) -> ActualTopic | None:
    existing = [actual[spec.name] for spec in specs if spec.co_partitioned and spec.name in actual]
    return next((other for other in existing if other.partitions != topic.partitions), None)


def _configs(spec: TopicSpec, topic: ActualTopic) -> Iterable[Difference]:
    for config, wanted in spec.configs.items():
        if (has := topic.configs.get(config)) != wanted:
            message = f"{spec.name}: {config} is {has or 'not set'}, {wanted} wanted"
            yield Difference(spec.name, "config", "apply", message, config, has, wanted)


def _replication(spec: TopicSpec, topic: ActualTopic) -> Iterable[Difference]:
    wanted, has = spec.replication_factor, topic.replication_factor
    if wanted not in (BROKER_DEFAULT, has):
        message = f"{spec.name} has {has} replicas, {wanted} wanted: reassign with Kafka's own tools"
        yield Difference(spec.name, "replication", "tell", message, actual=str(has), wanted=str(wanted))


def _partitions(count: int) -> str:
    return f"{count} partition" if count == 1 else f"{count} partitions"
