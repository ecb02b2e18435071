"""One batch being worked on: contacts in an overlay over committed state, outputs in order.

Laws: every record ends in exactly one outcome; before each record the clock advances to what the journal says
(schemas.journal.BatchJournal).
Reads ``Committed``; writes the Effects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import msgspec

from schemas.events import Command, ContactAttributes, EngagementEvent, Erase, Rejected
from schemas.outputs import ScoreChanged, ThresholdCrossed
from schemas.state import HAS_VISITS
from stream_app.delivery.handler import Batch, Dated, Effects, Outcomes, Output, Record
from stream_app.processing.codec import Codec
from stream_app.processing.dead_letters import dead_letter
from stream_app.processing.due_index import Agenda, cores
from stream_app.processing.output_headers import MINIMAL, NO_HEADERS, HeaderStyle, cloudevents
from stream_app.processing.overlay import Entry, Overlay
from stream_app.scoring.decay_due import weight
from stream_app.scoring.decide import Input, looks_back, needs_all, recalls
from stream_app.scoring.decision import Erased
from stream_app.scoring.due import decide_on_time, ring, watched
from stream_app.scoring.rulebook import Rulebook
from stream_app.scoring.sweep import asks_facts, sweep

Role = Literal["engagement", "rekeyed", "contacts", "commands"]

Reader = Callable[[Record, int, Entry | None], EngagementEvent | ContactAttributes | Erase | Command | Rejected]

BYTES_LIKE_A_CONTACT: Final = 1000  # of facts and commands: reading them takes as long as a look without any

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Plan:
    """What all batches of one Handler share: its codec, topic names and settings; ``roles`` by source topic."""

    codec: Codec
    roles: Mapping[str, Role]
    score_changed: str
    threshold_crossed: str
    dead_letters: str
    dedupe_ids: int
    longest_dwell_ms: int
    headers: HeaderStyle


@dataclass(slots=True)
class Scored(Effects):
    """Effects, and what else is counted of them.

    ``capped``: rules that matched beyond their cap (S12); ``forgotten``: values that fell out of memories of rules with
    ``oncePer`` (S13).
    """

    capped: int = 0
    forgotten: int = 0


class Work:
    """Implements ``stream_app.delivery.handler.Work``."""

    def __init__(self, plan: Plan, batch: Batch, committed: Dated, rulebook: Rulebook) -> None:
        self.clock = batch.clock
        self.capped = 0
        self._plan = plan
        self._batch = batch
        self._committed = committed
        self._rulebook = rulebook
        self._overlay = Overlay(committed, plan.dedupe_ids)
        self._outcomes = Outcomes()
        self._scores: list[Output] = []
        self._crossings: list[Output] = []
        self._dead: list[Output] = []

    def apply(self, source: str, records: Iterable[Record]) -> None:
        """Apply a slice of records of one source topic, in order."""
        batch, entries, load = self._batch, self._overlay.entries, self._overlay.load
        read, partition, origin = self._reader(source), batch.partition, f"{source}-{batch.partition}-"
        wall, ceiling = batch.clock_mode == "wall", batch.ceiling
        for record in records:
            key = record.key
            if wall:
                now = record.timestamp
                if now > self.clock:
                    self.clock = now if ceiling is None else max(self.clock, min(now, ceiling))
            entry = entries.get(key) or load(key)
            given = read(record, partition, entry)
            if isinstance(given, Rejected):
                self._bury(source, record, given)
                continue
            if not wall and isinstance(given, EngagementEvent):
                self.clock = max(self.clock, given.occurred_at)
            if entry is None:
                entry = entries[key] = Entry(given.org_id, given.contact_id, None, None, True)
            rejected = self._decide(key or b"", entry, given, f"{origin}{record.offset}")
            if rejected is not None:
                self._bury(source, record, rejected)

    def due(self, until: int, limit: int) -> int:
        """Let alarms at or before ``until`` ring, in (due time, key) order; return how many did.

        At most ``limit``, fewer where a look takes long.
        """
        agenda = Agenda(self._committed, self._overlay, until)
        rung = heavy = 0
        while heavy < limit and (next_ := agenda.next()) is not None:
            key, entry, contact = next_
            read, asks = self._overlay.read_bytes, watched(entry.org_id, self._rulebook)
            whole = partial(self._overlay.complete, key, entry) if asks and not entry.complete else None
            told = ring(contact, entry.org_id, entry.contact_id, self._rulebook, until, whole)
            heavy += weight(contact.core) + (self._overlay.read_bytes - read) // BYTES_LIKE_A_CONTACT
            entry.contact = told.contact
            self._collect(key, entry, told.outputs)
            self.capped += told.capped
            agenda.again(key, told.contact)
            rung += 1
        return rung

    def sweep(self, after: bytes, limit: int) -> bytes | None:
        """Re-evaluate contacts: what they are shown (D15), and when their alarms ring; at most ``limit``, as `due`."""
        last: bytes | None = None
        heavy = 0
        for name, key in cores(self._committed, after):
            if heavy >= limit:
                return last
            entry = self._overlay.entries.get(key) or self._overlay.load(key)
            heavy += 1
            if entry is not None and entry.contact is not None:
                read = self._overlay.read_bytes
                if not entry.complete and asks_facts(entry.org_id, self._rulebook):
                    self._overlay.complete(key, entry)
                heavy += weight(entry.contact.core) - 1 + (self._overlay.read_bytes - read) // BYTES_LIKE_A_CONTACT
                entry.contact, outputs = sweep(
                    entry.contact, entry.org_id, entry.contact_id, self._rulebook, self.clock
                )
                self._collect(key, entry, outputs)
            last = name
        return None

    def finish(self) -> Scored:
        """Return everything that the batch does."""
        changes = self._overlay.settle()
        plan = self._plan
        outputs = {
            plan.score_changed: self._scores,
            plan.threshold_crossed: self._crossings,
            plan.dead_letters: self._dead,
        }
        sent = {topic: records for topic, records in outputs.items() if records}
        overlay = self._overlay
        return Scored(
            sent, changes, self._outcomes, overlay.dues, capped=self.capped, forgotten=overlay.forgotten
        )  # fmt: skip

    def _reader(self, source: str) -> Reader:
        codec, role = self._plan.codec, self._plan.roles[source]
        if role == "rekeyed":
            return codec.rekeyed
        return codec.event if role == "engagement" else codec.command if role == "commands" else codec.attributes

    def _decide(self, key: bytes, entry: Entry, given: Input, origin: str) -> Rejected | None:
        """Let one input act on its contact; return why it was rejected after all."""
        if not entry.complete and needs_all(given, self._rulebook):
            self._overlay.complete(key, entry)
        if entry.contact is not None:
            core = entry.contact.core
            if core.once:
                self._overlay.recall(key, entry, recalls(given, self._rulebook))
            if core.has & HAS_VISITS and looks_back(given, self._rulebook, core.has):
                self._overlay.look_back(key, entry)
        plan = self._plan
        decision = decide_on_time(
            entry.contact,
            given,
            self._rulebook,
            self.clock,
            origin,
            plan.dedupe_ids,
            plan.longest_dwell_ms,
            self._batch.wall,
        )
        entry.contact = decision.contact
        outcome = decision.outcome
        if outcome == "applied":
            self._outcomes.applied += 1
        elif outcome == "no_effect":
            self._outcomes.no_effect += 1
        elif outcome == "duplicate":
            self._outcomes.duplicate += 1
        if decision.outputs:
            self._collect(key, entry, decision.outputs)
        self.capped += decision.capped
        return decision.rejected

    def _collect(self, key: bytes, entry: Entry, outputs: Sequence[ScoreChanged | ThresholdCrossed | Erased]) -> None:
        cloud = self._plan.headers == "cloudevents"
        for output in outputs:
            if isinstance(output, ScoreChanged):
                headers = cloudevents(output, "score-changed", key) if cloud else MINIMAL
                self._scores.append((key, _encode(output), headers))
            elif isinstance(output, ThresholdCrossed):
                headers = cloudevents(output, "threshold-crossed", key) if cloud else MINIMAL
                self._crossings.append((key, _encode(output), headers))
            else:
                self._scores.append((key, None, NO_HEADERS))
                entry.erased = True

    def _bury(self, source: str, record: Record, rejected: Rejected) -> None:
        self._outcomes.dead_letter += 1
        self._dead.append(dead_letter(source, self._batch.partition, record, rejected))
