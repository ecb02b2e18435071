"""The engine against the reference that another hand wrote: random rules, inputs and batches, the same results."""

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.state import SEPARATOR
from stream_app.delivery.handler import Effects
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, Rulebook, fold
from stream_app.scoring.sweep import shown_may_move
from tests.faults.compare_state import live
from tests.faults.reference import Reference
from tests.faults.reference_codec import Record
from tests.faults.reference_rules import same
from tests.faults.stored_contact import hash_of, stored_contact
from tests.property.draws import ROLES, Given, config_records, configs, edits, streams
from tests.scoring_kit import CROSSINGS, DEAD, ENGAGEMENT, SCORES, T0, Engine, FakeRecord


class Play:
    """One stream played by both.

    `edit_at` is where the second rulebook takes effect, as soon as a batch begins; its sweep comes some records later.
    """

    def __init__(self, config: list[ConfigRecord], books: tuple[Rulebook, Rulebook], window: int) -> None:
        self.books = list(books)
        self.engine = Engine(books[0], settings={"dedupe_ids": window})
        self.reference = Reference([(record.offset, record.key, record.value) for record in config], 1)
        self.reference.window = window
        self.played: list[Effects] = []

    def edit(self) -> None:
        old = self.engine
        self.engine = Engine(
            self.books[1], settings=old.settings, state=old.state, clock=old.clock, seq=old.seq, capped=old.capped
        )

    def sweep(self, limit: int) -> None:
        """What delivery does when a rulebook that asks for it has taken effect: all contacts, some at a time."""
        after: bytes | None = b""
        while after is not None:
            batch = self.engine.batch("sweep")
            work = self.engine.handler.begin(batch, self.engine.state)
            after = work.sweep(after, limit)
            effects = work.finish()
            self.engine.state.merge(effects)
            self.played.append(effects)
        self.reference.sweep(list(self.reference.contacts), self.engine.book.version, self.engine.clock)

    def looked_at(self, book: Rulebook) -> list[Any]:
        """What the reference would move if it looked at every contact under a rulebook, but for ids and version.

        Crossings follow from the moves and from thresholds, whose change alone moves nobody.
        """
        shadow = deepcopy(self.reference)
        sent = {topic: len(outputs) for topic, outputs in shadow.outputs.items()}
        shadow.sweep(list(shadow.contacts), book.version, self.engine.clock)
        bodies = [
            body
            for topic, outputs in shadow.outputs.items()
            for _, body in outputs[sent[topic] :]
            if body and "delta" in body
        ]
        return [body | {"id": "", "rulebookVersion": 0} for body in bodies]

    def batch(self, topic: str, records: list[FakeRecord]) -> None:
        if records:
            self.played.append(self.engine.run(topic, *records))
        for record in records:
            given = Record(ROLES[topic], topic, 0, record.offset, record.timestamp, record.key, record.value)
            self.reference.apply(given, self.engine.book.version)

    def all(self, stream: list[Given], cuts: frozenset[int], edit_at: int, lag: int) -> None:
        batch: list[FakeRecord] = []
        topic, sweep_at = ENGAGEMENT, -1
        for offset, record in enumerate(stream):
            if record.topic != topic or offset in cuts or offset in (edit_at, sweep_at):
                self.batch(topic, batch)
                batch = []
            if offset == edit_at:
                self.edit()
                if shown_may_move(*self.books):
                    sweep_at = offset + lag
                else:
                    assert self.looked_at(self.books[0]) == self.looked_at(self.books[1])
            if offset == sweep_at:
                self.sweep(limit=1 + lag)
            topic = record.topic
            batch.append(FakeRecord(offset, record.value, record.key, T0))
        self.batch(topic, batch)

    def outputs(self, topic: str) -> list[tuple[bytes | None, Any]]:
        sent = [output for effects in self.played for output in effects.outputs.get(topic, ())]
        return [(key, None if value is None else json.loads(value)) for key, value, _ in sent]

    def dead(self) -> list[tuple[int, str]]:
        headers = [dict(output[2]) for effects in self.played for output in effects.outputs.get(DEAD, ())]
        said = [(h["__streams.errors.offset"], h["leadstream-reason"]) for h in headers]
        return [(int(offset or b""), (reason or b"").decode()) for offset, reason in said]

    def outcomes(self) -> dict[str, int]:
        names = ("applied", "duplicate", "no_effect", "dead_letter")
        return {name: sum(getattr(effects.outcomes, name) for effects in self.played) for name in names}

    def sections(self) -> dict[bytes, dict[bytes, bytes]]:
        found: dict[bytes, dict[bytes, bytes]] = {}
        for name, value in self.engine.state.data.items():
            key, _, section = name.rpartition(SEPARATOR)
            found.setdefault(key, {})[section] = value
        return found


def compare_state(play: Play, window: int) -> None:
    """Totals, awards, versions, held thresholds, fires of live rules, tags, attributes and remembered ids."""
    found, wanted = play.sections(), play.reference.contacts
    assert found.keys() == wanted.keys()
    book = play.reference.book(play.engine.book.version)
    for key, sections in found.items():
        org = key.decode().partition(":")[0]
        actual, expected = live(stored_contact(sections), book, org), live(wanted[key], book, org)
        for kind in ("events", "commands"):
            kept, all_ids = actual.pop(kind), [hash_of(text) for text in expected.pop(kind)]
            assert len(kept) >= min(window, len(all_ids))
            assert kept == all_ids[len(all_ids) - len(kept) :]
        assert same(expected, actual), (expected, actual)


@settings(max_examples=500)
@given(
    configs, edits, streams, st.frozensets(st.integers(0, 80)), st.integers(0, 80), st.integers(0, 6),
    st.sampled_from([3, 3, 20, 256]),
)  # fmt: skip
def test_the_engine_does_what_the_reference_does(
    config: list[Any], edit: list[Any], stream: list[Given], cuts: frozenset[int], edit_at: int, lag: int, window: int
) -> None:
    keys: set[bytes] = set()
    before = list(config_records(config, 0, keys))
    after = list(config_records(edit, len(before), keys))
    first = fold(EMPTY_RULEBOOK, before)
    second = fold(first.rulebook, after)
    assert not first.ignored + second.ignored
    play = Play([*before, *after], (first.rulebook, second.rulebook), window)
    play.all(stream, cuts, edit_at, lag)
    assert play.outputs(SCORES) == play.reference.outputs["score-changed"]
    assert play.outputs(CROSSINGS) == play.reference.outputs["threshold-crossed"]
    assert play.dead() == [(record.offset, reason) for record, reason in play.reference.dead.values()]
    counts = play.reference.counts.values()
    assert play.outcomes() == {name: sum(count[name] for count in counts) for name in play.outcomes()}
    compare_state(play, window)
