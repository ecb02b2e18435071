"""The oracle follows sweeps: a publish that moves what contacts are shown is proved from the logs like an input."""

import json

import msgspec

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal, PartitionRecord, Sweep
from tests.faults.honest import STORE_ID, HonestEngine
from tests.faults.oracle import check
from tests.faults.reference_codec import murmur2

CEILING = 20


class Sweeps(HonestEngine):
    """When all inputs are through, the scores of every org get a ceiling; contacts are looked at in two parts."""

    forgets = 0

    def __init__(self) -> None:
        super().__init__(7, 600, 2)
        place = ("leadstream.config", 0)
        for entry in list(self.logs.of(*place)):
            key, value = entry.key or b"", entry.value or b""
            if key.startswith(b"profile:"):
                self.append(place, key, json.dumps({**json.loads(value), "ceiling": CEILING}).encode())
        self.reference.config[:] = [(entry.offset, entry.key, entry.value) for entry in self.logs.of(*place)]

    def run_partition(self, partition: int) -> None:
        super().run_partition(partition)
        changelog = self.logs.entries[self.logs.changelog, partition]
        record = msgspec.json.decode(changelog[-1].value or b"", type=PartitionRecord)
        version, before = len(self.reference.config), self.version
        keys = sorted(key for key in self.reference.contacts if murmur2(key) % self.logs.partitions == partition)
        middle = (keys[len(keys) // 2] + b"\x00c").hex()
        self.version = version
        for part, said in (
            (keys[: len(keys) // 2 + 1], Sweep(version, "", middle)),
            (keys[len(keys) // 2 + 1 :], Sweep(version, middle, middle, done=True)),
        ):
            record.seq, record.rulebook_version = record.seq + 1, version
            journal = BatchJournal(record.seq, "sweep", STORE_ID, version, record.clock, sweep=said)
            seen = part[self.forgets :]
            self.commit(
                partition, journal, set(seen), lambda seen=seen: self.reference.sweep(seen, version, record.clock)
            )
            self.append((self.logs.changelog, partition), PARTITION_RECORD_KEY, msgspec.json.encode(record))
        self.version = before


class Forgets(Sweeps):
    """Leaves contacts out of each part."""

    forgets = 20


def test_an_honest_sweep_is_exact() -> None:
    verdict = check(Sweeps().run())
    assert verdict.ok, verdict.table()
    assert verdict.totals["sweeps"] == 4


def test_a_sweep_that_leaves_contacts_out_is_caught() -> None:
    verdict = check(Forgets().run())
    assert {"lost output", "stale state"} & set(verdict.names), verdict.names
    assert not verdict.ok
