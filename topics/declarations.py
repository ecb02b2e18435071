"""Where it is said: every topic once, with its key, value, partition count and retention.

Laws: a topic name is written here and nowhere else; topics that hold contacts have one partition count, so that a
contact is in the same partition number everywhere; a topic that leadstream declares takes the broker's time
(LogAppendTime), so that replayed, future or wrong times of senders decide neither retention nor compaction.

- ``contacts`` and ``commands``, although clients write them too: a missing ``updatedAt`` or ``at`` means arrival, and
  the promise of 90 days must hold for a sender with a wrong clock.
- ``rekeyed``: the time of the original record, to which a missing ``occurredAt`` falls back, travels in its headers.
- engagement sources are their owners': created when missing, with CreateTime, and never altered.

Source: contract sections 1 and 2, delivery section 4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["own", "keyed", "any"]

ENGAGEMENT: Final = "engagement"  # the last part of the default source's name
DAY_MS: Final = 24 * 60 * 60 * 1000
BROKER_DEFAULT: Final = -1
SCORE_CHANGED_DAYS: Final = 400
REPLAY_DAYS: Final = 90
OUTPUT_DAYS: Final = 30
DEAD_LETTER_BYTES: Final = 4 * 1024 * 1024

CONTACT_KEY: Final = "orgId:contactId"

_BROKER_TIME: Final = {"message.timestamp.type": "LogAppendTime"}
_SENDERS_TIME: Final = {"message.timestamp.type": "CreateTime"}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be; ``key`` and ``value`` are words for people.

    ``role`` tells leadstream's own topics from engagement sources (``keyed``, ``any``), whose configs count at creation
    only; ``co_partitioned`` topics share one partition count; replication factor -1 is the broker's default.
    """

    name: str
    key: str
    value: str
    partitions: int
    configs: Mapping[str, str]
    replication_factor: int = BROKER_DEFAULT
    role: Role = "own"
    co_partitioned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """All topics of one leadstream."""

    engagement: tuple[TopicSpec, ...]
    rekeyed: TopicSpec
    contacts: TopicSpec
    commands: TopicSpec
    config: TopicSpec
    api_keys: TopicSpec
    score_changed: TopicSpec
    threshold_crossed: TopicSpec
    label_changed: TopicSpec
    segment_changed: TopicSpec
    trigger_fired: TopicSpec
    program_moved: TopicSpec
    dead_letters: TopicSpec
    journal: TopicSpec
    changelog: TopicSpec

    @property
    def keyed(self) -> tuple[TopicSpec, ...]:
        """Engagement sources that are read directly."""
        return tuple(spec for spec in self.engagement if spec.role == "keyed")

    @property
    def unkeyed(self) -> tuple[TopicSpec, ...]:
        """Engagement sources that ingest re-keys into ``rekeyed``."""
        return tuple(spec for spec in self.engagement if spec.role == "any")

    @property
    def sources(self) -> tuple[TopicSpec, ...]:
        """What a Partition reads, commands first; ``rekeyed`` always, so that a new ``any`` source changes nothing."""
        return (self.commands, self.contacts, *self.keyed, self.rekeyed)

    @property
    def outputs(self) -> tuple[TopicSpec, ...]:
        """What a Partition writes beside its state and journal."""
        return (
            self.score_changed, self.threshold_crossed, self.label_changed, self.segment_changed, self.trigger_fired,
            self.program_moved, self.dead_letters,
        )  # fmt: skip

    @property
    def all(self) -> tuple[TopicSpec, ...]:
        """Every topic."""
        own = (self.rekeyed, self.contacts, self.commands, self.config, self.api_keys)
        return (*self.engagement, *own, *self.outputs, self.journal, self.changelog)


def declare(
    prefix: str,
    app_id: str,
    partitions: int,
    engagement: Iterable[tuple[str, Literal["keyed", "any"]]],
    replication_factor: int | None = None,
    score_changed_days: int = SCORE_CHANGED_DAYS,
) -> Topics:
    """Return the topics; None is the broker's replication factor; ValueError when two topics share a name."""
    make = _Declaration(prefix, partitions, BROKER_DEFAULT if replication_factor is None else replication_factor)
    topics = Topics(
        engagement=tuple(make.source(name, role) for name, role in engagement),
        rekeyed=make.stream("rekeyed", "EngagementEvent", REPLAY_DAYS),
        contacts=make.compacted(f"{prefix}.contacts", CONTACT_KEY, "ContactAttributes", 30, lag_days=REPLAY_DAYS),
        commands=make.stream("commands", "Command", REPLAY_DAYS),
        config=make.kept_for_ever("config", "kind:orgId:id", "authored object"),
        api_keys=make.compacted(f"{prefix}.api-keys", "key id", "API key", 1, single=True),
        score_changed=make.stream("score-changed", "ScoreChanged", score_changed_days),
        threshold_crossed=make.stream("threshold-crossed", "ThresholdCrossed", OUTPUT_DAYS),
        label_changed=make.stream("label-changed", "LabelChanged", OUTPUT_DAYS),
        segment_changed=make.stream("segment-changed", "SegmentChanged", OUTPUT_DAYS),
        trigger_fired=make.stream("trigger-fired", "TriggerFired", OUTPUT_DAYS),
        program_moved=make.stream("program-moved", "ProgramMoved", OUTPUT_DAYS),
        dead_letters=make.stream("dead-letters", "any", OUTPUT_DAYS, key="any", max_bytes=DEAD_LETTER_BYTES),
        journal=make.stream("journal", "BatchJournal", REPLAY_DAYS, key="partition number"),
        changelog=make.compacted(f"{app_id}-contacts-changelog", f"{CONTACT_KEY} NUL section", "state", 7),
    )
    names = [spec.name for spec in topics.all]
    if shared := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two topics are named {shared}")
    return topics


@dataclass(frozen=True, slots=True)
class _Declaration:
    """Makes specs of one prefix, partition count and replication factor."""

    prefix: str
    partitions: int
    replication_factor: int

    def source(self, name: str, role: Literal["keyed", "any"]) -> TopicSpec:
        key = CONTACT_KEY if role == "keyed" else "any"
        return TopicSpec(
            name, key, "EngagementEvent", self.partitions, _SENDERS_TIME, self.replication_factor, role, role == "keyed"
        )

    def stream(
        self, name: str, value: str, days: int, *, key: str = CONTACT_KEY, max_bytes: int | None = None
    ) -> TopicSpec:
        configs = {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS), "retention.bytes": "-1"}
        if max_bytes is not None:
            configs["max.message.bytes"] = str(max_bytes)
        full = f"{self.prefix}.{name}"
        return TopicSpec(full, key, value, self.partitions, configs | _BROKER_TIME, self.replication_factor)

    def kept_for_ever(self, name: str, key: str, value: str) -> TopicSpec:
        configs = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"} | _BROKER_TIME
        return TopicSpec(f"{self.prefix}.{name}", key, value, 1, configs, self.replication_factor, co_partitioned=False)

    def compacted(
        self, full_name: str, key: str, value: str, delete_days: int, *, lag_days: int = 0, single: bool = False
    ) -> TopicSpec:
        configs = {
            "cleanup.policy": "compact", "delete.retention.ms": str(delete_days * DAY_MS),
            "min.compaction.lag.ms": str(lag_days * DAY_MS),
        }  # fmt: skip
        partitions = 1 if single else self.partitions
        return TopicSpec(
            full_name, key, value, partitions, configs | _BROKER_TIME, self.replication_factor,
            co_partitioned=not single,
        )  # fmt: skip
