"""The oracle follows sweeps: a publish that moves what contacts are shown is proved from the logs like an input."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal, PartitionRecord, Sweep
from tests.faults.authored import STAMP, config_records, kept
from tests.faults.honest import STORE_ID, HonestEngine
from tests.faults.oracle import check
from tests.faults.planted_logs import SCORES
from tests.faults.reference_codec import murmur2
from tests.faults.test_oracle import WrongRules

CEILING = 20


class Sweeps(HonestEngine):
    """When all inputs are through, the scores of every org get a ceiling; contacts are looked at in two parts."""

    load = (7, 600, 2)

    def __init__(self) -> None:
        super().__init__(*self.load)
        place = ("leadstream.config", 0)
        self.publish(place)
        self.reference.config[:] = [(entry.offset, entry.key, entry.value) for entry in self.logs.of(*place)]

    def publish(self, place: tuple[str, int]) -> None:
        for entry in list(self.logs.of(*place)):
            key, record = entry.key or b"", json.loads(entry.value or b"")
            if key.endswith(b":default"):
                self.append(place, key, json.dumps(record | {"ceiling": CEILING}).encode())
            elif record.get("published"):
                again = {"version": 2, "published": record["published"] | self.edit(record["published"])}
                self.append(place, key, json.dumps(record | again).encode())

    def run_partition(self, partition: int) -> None:
        super().run_partition(partition)
        changelog = self.logs.entries[self.logs.changelog, partition]
        record = msgspec.json.decode(changelog[-1].value or b"", type=PartitionRecord)
        version, before = len(self.reference.config), self.version
        self.version = version
        self.sweep_partition(partition, record, version)
        self.after_sweep(partition, record)
        self.version = before

    def edit(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a publish changes in a body."""
        return {"ceiling": CEILING - 8}

    def after_sweep(self, partition: int, record: PartitionRecord) -> None:
        """What still happens when all is swept."""

    def sweep_partition(self, partition: int, record: PartitionRecord, version: int) -> None:
        keys = sorted(key for key in self.reference.contacts if murmur2(key) % self.logs.partitions == partition)
        middle = (keys[len(keys) // 2] + b"\x00c").hex()
        for part, said in (
            (keys[: len(keys) // 2 + 1], Sweep(version, "", middle)),
            (keys[len(keys) // 2 + 1 :], Sweep(version, middle, middle, done=True)),
        ):
            self.sweep_part(partition, record, part, said)

    def sweep_part(self, partition: int, record: PartitionRecord, keys: list[bytes], part: Sweep) -> None:
        record.seq, record.rulebook_version = record.seq + 1, part.version
        journal = BatchJournal(record.seq, "sweep", STORE_ID, part.version, record.clock, sweep=part)
        self.commit(partition, journal, set(keys), lambda: self.look(keys, part.version, record.clock))
        self.append((self.logs.changelog, partition), PARTITION_RECORD_KEY, msgspec.json.encode(record))

    def look(self, keys: list[bytes], version: int, clock: int) -> None:
        """Look at contacts; dishonest engines differ here."""
        self.reference.sweep(keys, version, clock)


class NeverSweeps(Sweeps):
    """Goes by the new rules from the publish on, and looks at nobody."""

    def sweep_partition(self, partition: int, record: PartitionRecord, version: int) -> None:
        record.seq, record.rulebook_version = record.seq + 1, version
        journal = BatchJournal(record.seq, "clock", STORE_ID, version, record.clock)
        self.commit(partition, journal, set(), lambda: None)
        self.append((self.logs.changelog, partition), PARTITION_RECORD_KEY, msgspec.json.encode(record))


class NeverHearsOfIt(Sweeps):
    """Goes by the old rules for ever."""

    def sweep_partition(self, partition: int, record: PartitionRecord, version: int) -> None:
        pass


class BeginsAtTheLast(Sweeps):
    """Its journal and its work agree: one contact is looked at."""

    def sweep_partition(self, partition: int, record: PartitionRecord, version: int) -> None:
        *_, before, last = sorted(self.reference.homes[partition])
        self.sweep_part(partition, record, [last], Sweep(version, *[(before + b"\x00c").hex()] * 2, done=True))


class StopsInTheMiddle(Sweeps):
    def sweep_part(self, partition: int, record: PartitionRecord, keys: list[bytes], part: Sweep) -> None:
        if not part.done:
            super().sweep_part(partition, record, keys, part)


class LosesAPart(Sweeps):
    """Looks at all, and has lost what the journal said of the first half."""

    def sweep_part(self, partition: int, record: PartitionRecord, keys: list[bytes], part: Sweep) -> None:
        if part.done:
            super().sweep_part(partition, record, keys, part)


class Silence(Sweeps):
    """The publish brings a silence, which moves nothing that is shown at once."""

    def publish(self, place: tuple[str, int]) -> None:
        quiet = {"id": 90, "name": "Quiet from now on", "points": -2, "inactivity": {"days": 1, "repeat": True}}
        self.append(place, *kept("rule", "1", quiet, STAMP))


class Fit(Sweeps):
    """The publish brings a fit rule, which no score follows from that is there already."""

    def publish(self, place: tuple[str, int]) -> None:
        fit = {"type": "attribute", "field": "country", "op": "eq", "value": "IT"}
        self.append(place, *kept("rule", "1", {"id": 91, "name": "Italian", "points": 3, "attribute": fit}, STAMP))


class SilenceNeverSwept(Silence, NeverSweeps):
    pass


class SilenceNeverHeardOf(Silence, NeverHearsOfIt):
    pass


class SilenceFromTheLast(Silence, BeginsAtTheLast):
    pass


class FitNeverSwept(Fit, NeverSweeps):
    pass


class ForgetsTheAlarm(Silence):
    """Says that it has looked at all, and leaves each as it was; so does what the reference is told of."""

    def sweep_part(self, partition: int, record: PartitionRecord, keys: list[bytes], part: Sweep) -> None:
        super().sweep_part(partition, record, [], part)


class Forgets(Sweeps):
    """Leaves contacts out of each part."""

    def look(self, keys: list[bytes], version: int, clock: int) -> None:
        super().look(keys[20:], version, clock)


class TellsTwice(Sweeps):
    """Forgets what it has told, and sweeps again."""

    def look(self, keys: list[bytes], version: int, clock: int) -> None:
        shown = {(key, name): state["shown"] for key in keys for name, state in self.profiles(key).items()}
        super().look(keys, version, clock)
        for key in keys:
            for name, state in self.profiles(key).items():
                state["shown"] = shown.get((key, name), 0)
        super().look(keys, version, clock)

    def profiles(self, key: bytes) -> dict[str, dict[str, int]]:
        return self.reference.contacts[key]["profiles"]


class TellsUnderTheOldRules(Sweeps):
    """Says that it looks, and goes by the rules from before the publish."""

    def look(self, keys: list[bytes], version: int, clock: int) -> None:
        super().look(keys, len(config_records(fading=self.fading)), clock)


class IgnoresGroups(WrongRules):
    texts = ((b'"max": 40', b'"max": 4000'), (b'"ceiling": 80', b'"ceiling": 8000'))


class NeverFollows(WrongRules):
    """The score that is made of others stays as it is."""

    texts = ((b'"average": ["engagement", "suitability"]', b'"average": ["idea"]'),)


class KeepsPaying(WrongRules):
    """A condition that has ceased to hold is paid on."""

    texts = ((b'"op": "eq", "value": "DE"', b'"op": "exists"'),)


class ScoresDrafts(WrongRules):
    texts = ((b'"published": null', b'"published": {"rules": []}'),)


@pytest.mark.parametrize("kind", [Sweeps, Silence, Fit])
def test_an_honest_sweep_is_exact(kind: type[Sweeps]) -> None:
    verdict = check(kind().run())
    assert verdict.ok, verdict.table()
    assert verdict.totals["sweeps"] == 4


IN_ENGINE: list[tuple[Callable[[], HonestEngine], set[str]]] = [
    (Forgets, {"lost output", "stale state"}), (TellsTwice, {"double output", "wrong state"}),
    (TellsUnderTheOldRules, {"lost output"}), (NeverSweeps, {"lost sweep"}), (NeverHearsOfIt, {"lost sweep"}),
    (BeginsAtTheLast, {"lost sweep"}), (StopsInTheMiddle, {"lost sweep"}), (LosesAPart, {"lost sweep"}),
    (SilenceNeverSwept, {"lost sweep"}), (SilenceNeverHeardOf, {"lost sweep"}), (SilenceFromTheLast, {"lost sweep"}),
    (FitNeverSwept, {"lost sweep"}), (ForgetsTheAlarm, {"stale state"}),
]  # fmt: skip
IN_PROFILES: list[tuple[type[HonestEngine], set[str]]] = [
    (IgnoresGroups, {"wrong output", "wrong state"}), (NeverFollows, {"lost output"}),
    (KeepsPaying, {"wrong output", "double state"}), (ScoresDrafts, {"lost dead letter", "wrong output"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "found"), IN_ENGINE)
def test_a_wrong_sweep_is_caught_and_named(kind: Callable[[], HonestEngine], found: set[str]) -> None:
    verdict = check(kind().run())
    assert found <= verdict.names, verdict.table()


@pytest.mark.parametrize(("kind", "found"), IN_PROFILES)
def test_an_engine_that_is_wrong_about_profiles_is_caught_and_named(kind: type[HonestEngine], found: set[str]) -> None:
    verdict = check(kind(7, 900, 2).run())
    assert found <= verdict.names, verdict.table()


def test_a_change_of_a_publish_that_is_lost_or_told_twice_is_caught() -> None:
    for repeat, name in ((False, "lost output"), (True, "double output")):
        logs = Sweeps().run()
        log = logs.of(SCORES, 0)
        told = [n for n, entry in enumerate(log) if b'"id":"config-' in (entry.value or b"")]
        if repeat:
            log.append(log[told[0]])
        else:
            del log[told[-1]]
        assert name in check(logs).names
