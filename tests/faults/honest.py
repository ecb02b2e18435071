"""An honest engine in memory: runs the reference and writes the logs that a right deployment would leave.

Laws: batches are cut at random but deterministically, and the clock goes on between them and after the last, never
ahead of what is there to be read (S60); the plants of ``test_oracle`` then break one thing in these logs.
The records are those of ``load``, so what the oracle is tested with is what a campaign sends.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal, InputRange, PartitionRecord, SourceCounters
from tests.faults.authored import config_records
from tests.faults.compare_ingest import ORIGIN, key_of
from tests.faults.compare_outputs import kept_value
from tests.faults.compare_state import OUTCOMES
from tests.faults.honest_sources import Sources
from tests.faults.load import Load
from tests.faults.logs import OUTPUTS, SOURCE_ROLES, WEB, Entry, Logs
from tests.faults.oracle import contacts_of
from tests.faults.reference import Reference
from tests.faults.reference_clock import DAY
from tests.faults.reference_codec import Record, Reject, murmur2
from tests.faults.stored_contact import stored

NOW_MS = 1_780_000_000_000
RECORD_MS = 20_000
RECORDS_AT_ONCE = 60  # of engagement that wait to be read, at most, once all that was there is
BURST = 40  # records of engagement that come in a fifth of their time; then there is silence
GAPS_MS = (0, 0, 0, 60_000)
SENDERS_TIME = ("leadstream.engagement", f"leadstream.{WEB}")
STORE_ID = "store-1"


class HonestEngine:
    """``fading``: some scores decay, which takes the reference several times as long."""

    fading = False

    def __init__(self, seed: int, events: int, partitions: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a repeatable load
        self.logs = Logs("leadstream", "leadstream", partitions, partitions + 1)
        self.logs.entries = {place: [] for place in self.logs.places()}
        for key, value in config_records(fading=self.fading):
            self.append(("leadstream.config", 0), key, value)
        soon = RECORD_MS / 1000 * events / partitions
        load = Load(seed, events, NOW_MS, soon_seconds=soon)
        for role, partition, key, value in load.records():
            count = self.logs.web if role == WEB else partitions
            where = murmur2(key or b"") % count if partition is None else partition % count
            place = (f"leadstream.{role}", where)
            self.append(place, key, value, self.sent_at(load.number))
            if role == WEB:
                self.ingest(where)
        config = [(e.offset, e.key, e.value) for e in self.logs.of("leadstream.config", 0)]
        self.reference = Reference(config, partitions)
        self.version = len(config)
        self.clock = dict.fromkeys(range(partitions), 0)
        self.ceiling = dict.fromkeys(range(partitions), 0)
        self.wall = dict.fromkeys(range(partitions), 0)
        self.sources = {p: self.sources_of(p) for p in range(partitions)}

    def sent_at(self, number: int) -> int:
        burst, within = divmod(number, BURST)
        return NOW_MS + RECORD_MS * (burst * BURST + within // 5) // self.logs.partitions

    def sources_of(self, partition: int) -> Sources[Record]:
        left = {name: self.logs.inputs(name, partition) for name in SOURCE_ROLES}
        return Sources(left, NOW_MS, RECORDS_AT_ONCE * RECORD_MS)

    def append(
        self, place: tuple[str, int], key: bytes | None, value: bytes | None, at: int = NOW_MS, **headers: bytes
    ) -> None:
        log = self.logs.entries[place]
        log.append(Entry(len(log), key, value, at, tuple(headers.items()), place[0] not in SENDERS_TIME))

    def ingest(self, partition: int) -> None:
        """Forward the newest record of a partition of the source with any key."""
        topic = self.logs.topic(WEB)
        entry = self.logs.of(topic, partition)[-1]
        record = Record(WEB, topic, partition, entry.offset, entry.timestamp, entry.key, entry.value)
        key = key_of(record)
        if isinstance(key, Reject):
            self.bury(partition % self.logs.partitions, record, key.reason)
            return
        said = zip(ORIGIN, (topic, str(partition), str(entry.offset)), strict=True)
        headers = {name: text.encode() for name, text in said}
        place = ("leadstream.rekeyed", murmur2(key) % self.logs.partitions)
        self.append(
            place,
            key,
            entry.value,
            entry.timestamp,
            **headers,
            **{"leadstream-origin-timestamp": b"%d" % entry.timestamp},
        )

    def run(self) -> Logs:
        for partition in range(self.logs.partitions):
            self.run_partition(partition)
        return self.logs

    def run_partition(self, partition: int) -> None:
        sources, seq = self.sources[partition], 0
        nexts: dict[str, int] = {}
        while not sources.done:
            role, batch = sources.take(self.random, 40)
            self.ceiling[partition], self.wall[partition] = sources.ceiling(role), sources.wall
            sources.saw(role, batch)
            seq += 1
            nexts[batch[0].topic] = batch[-1].offset + 1
            self.run_batch(partition, seq, batch)
            self.account(partition, seq, nexts)
        for days in 1, 2:
            self.go_on(partition, DAY)
            self.run_clock(partition, seq + days)
            self.account(partition, seq + days, nexts)

    def go_on(self, partition: int, by: int) -> None:
        """Let time go by where everything is read."""
        self.sources[partition].wall += by
        self.clock[partition] = self.sources[partition].after(self.clock[partition])

    def account(self, partition: int, seq: int, nexts: dict[str, int]) -> None:
        counters = {topic: self.counters(topic, partition) for topic in nexts}
        record = PartitionRecord(1, STORE_ID, dict(nexts), seq, self.version, self.clock[partition], {}, counters)
        self.append((self.logs.changelog, partition), PARTITION_RECORD_KEY, msgspec.json.encode(record))

    def counters(self, topic: str, partition: int) -> SourceCounters:
        counts = self.reference.counts[topic, partition]
        return SourceCounters(0, **{name: counts[name] for name in OUTCOMES})

    def apply(self, record: Record) -> str:
        """Apply one record; dishonest engines differ here."""
        return self.reference.apply(record, self.version, self.see(record), self.wall[record.partition])

    def see(self, record: Record) -> int:
        """The clock of a partition once it has seen a record."""
        clock = max(self.clock[record.partition], min(self.ceiling[record.partition], record.timestamp))
        self.clock[record.partition] = clock
        return clock

    def due(self, keys: list[bytes], clock: int) -> None:
        """Let what is due act; dishonest engines differ here."""
        self.reference.due(keys, self.version, clock)

    def run_clock(self, partition: int, seq: int) -> None:
        journal = BatchJournal(seq, "clock", STORE_ID, self.version, self.clock[partition])
        keys = self.overdue(partition, journal.clock)
        self.commit(partition, journal, set(keys), lambda: self.due(keys, journal.clock))

    def overdue(self, partition: int, clock: int) -> list[bytes]:
        contacts = self.reference.contacts
        return [
            key for key in contacts_of(self.reference, partition) if (contacts[key]["silent"].look or clock) <= clock
        ]

    def run_batch(self, partition: int, seq: int, batch: list[Record]) -> None:
        sources, ceiling, wall = self.sources[partition], self.ceiling[partition], self.wall[partition]
        sources.wall += self.random.choice(GAPS_MS)
        reached = max(self.clock[partition], min(ceiling, max(record.timestamp for record in batch)))
        clock = sources.after(reached)
        keys = {*self.overdue(partition, clock), *(record.key or b"" for record in batch)}

        def applied() -> None:
            for record in batch:
                if self.apply(record) == "dead_letter":
                    self.dead_letter(partition, record)
            self.clock[partition] = clock
            self.due(contacts_of(self.reference, partition), clock)

        span = InputRange(batch[0].topic, batch[0].offset, batch[-1].offset + 1)
        said = None if wall == ceiling else wall
        journal = BatchJournal(seq, "records", STORE_ID, self.version, clock, [span], ceiling, wall=said)
        self.commit(partition, journal, keys, applied)

    def commit(self, partition: int, journal: BatchJournal, keys: set[bytes], work: Callable[[], None]) -> None:
        """Write what some work on these contacts has done, in the order of a transaction."""
        now = self.sources[partition].wall
        sent = {name: len(self.reference.outputs[name]) for name in OUTPUTS}
        before = {key: stored(self.reference.contacts.get(key)) for key in sorted(keys)}
        work()
        for name in OUTPUTS:
            for key, body in self.reference.outputs[name][sent[name] :]:
                value = None if body is None else json.dumps(body, separators=(",", ":")).encode()
                self.append((f"leadstream.{name}", partition), key, value, now)
        self.append(("leadstream.journal", partition), str(partition).encode(), msgspec.json.encode(journal), now)
        for key, old in before.items():
            new = stored(self.reference.contacts.get(key))
            for name in sorted(old.keys() | new.keys()):
                if old.get(name) != new.get(name):
                    self.append((self.logs.changelog, partition), key + b"\x00" + name, new.get(name))

    def dead_letter(self, partition: int, record: Record) -> None:
        self.bury(partition, record, self.reference.dead[record.topic, record.partition, record.offset][1])

    def bury(self, partition: int, record: Record, reason: str) -> None:
        headers: dict[str, Any] = dict(record.headers) | dict(dead_letter_headers(record, reason))
        self.append(("leadstream.dead-letters", partition), record.key, kept_value(record), **headers)


def dead_letter_headers(record: Record, reason: str) -> list[tuple[str, bytes]]:
    names = {"topic": record.topic, "partition": str(record.partition), "offset": str(record.offset)}
    headers = [(f"__streams.errors.{name}", text.encode()) for name, text in names.items()]
    return [*headers, ("leadstream-reason", reason.encode())]
