"""Plays one scenario: one contact, what its org has authored, and steps: an input, a wait, an edit, or only a look.

Laws: each step's expectations hold after it; whatever the scenario says, a score is the sum of its awards (S2), and
the same story told again gives the same outputs (S1).  The words of a scenario are in README.md.
"""

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any, Final

import msgspec

from schemas.events import ContactAttributes, EngagementEvent, Erase
from schemas.outputs import ScoreChanged, ThresholdCrossed
from schemas.times import parse_time
from stream_app.authoring.lint import lint_rule
from stream_app.scoring.decide import Input
from tests.scenarios.author import DEFAULT, Author, Said
from tests.scoring_kit import T0, Fold, command, rulebook, with_records

Step = Mapping[str, Any]

ORDERS: Final[Mapping[str, str | None]] = {
    "adjust": "amount",
    "set": "amount",
    "tag": "tag",
    "untag": "tag",
    "reset": None,
}
INPUTS: Final = frozenset({"event", "attributes", "erase", *ORDERS})
EDITS: Final = frozenset({"publish", "draft", "unpublish", "rollback", "edit", "delete"})
DETAILS: Final = frozenset({"with", "site", "id", "at", "times", "numbered", "of", "fire_triggers", "held"})
SHEET_WORDS: Final = frozenset(
    {"name", "example", "rule_set", "rules", "thresholds", "profiles", "in_any_order", "steps"}
)


class Story:
    """A scenario under way."""

    def __init__(self, scenario: Said, rule_sets: Mapping[str, list[Said]]) -> None:
        assert scenario.keys() <= SHEET_WORDS, scenario.keys() - SHEET_WORDS
        rules = rule_sets[scenario["rule_set"]] if "rule_set" in scenario else scenario.get("rules", [])
        profiles = scenario.get("profiles") or {DEFAULT: {"rules": rules, "thresholds": scenario.get("thresholds", [])}}
        self._author = Author()
        self._fold = Fold(with_records(rulebook(), *self._author.change({"publish": profiles})))
        self._number = 0
        self._says: list[str] = []
        self._earned: dict[str, int] = {}

    @property
    def told(self) -> bytes:
        """All outputs so far."""
        return msgspec.json.encode(self._fold.outputs)

    def play(self, step: Step) -> None:
        """Take one step, and see that it does what it must."""
        self._number += 1
        assert step.keys() <= INPUTS | EDITS | DETAILS | EXPECTED.keys() | {"wait", "write"}, step
        start, capped = len(self._fold.outputs), self._fold.capped
        self._take(step)
        self._seen = self._fold.outputs[start:]
        self._capped = self._fold.capped - capped
        self._add_up()
        for word, look in EXPECTED.items():
            if word in step or word == "crossed":
                assert look(self, step.get(word, [])) == step.get(word, []), f"step {self._number}: {word}"

    def _take(self, step: Step) -> None:
        if "wait" in step:
            self._fold.wait(parse_time(step["wait"]))
        elif "write" in step:
            self._says = [f"{problem.pointer} {problem.code}".strip() for problem in lint_rule(step["write"]).problems]
        elif EDITS & step.keys():
            self._fold.sweep(with_records(self._fold.book, *self._author.change(step)))
        elif INPUTS & step.keys():
            reach = min(self._at(step), parse_time(step["held"])) if "held" in step else self._at(step)
            self._fold.clock = max(self._fold.clock, reach)
            for again in range(step.get("times", 1)):
                self._fold.put(self._input(step, again))
            if "erase" in step:
                self._earned.clear()

    def _at(self, step: Step) -> int:
        return parse_time(step["at"]) if "at" in step else T0

    def _input(self, step: Step, again: int) -> Input:
        at, name = self._at(step), step.get("id", f"step-{self._number}-{again}")
        if "event" in step:
            numbered = {step["numbered"]: again} if "numbered" in step else {}
            properties = {**step.get("with", {}), **numbered}
            return EngagementEvent("1", "42", step["event"], name, step.get("site", "1"), at, properties)
        if "attributes" in step:
            return ContactAttributes("1", "42", None, step["attributes"], at)
        if "erase" in step:
            return Erase("1", "42", at)
        kind = next(kind for kind in ORDERS if kind in step)
        field = ORDERS[kind]
        said = {} if field is None else {field: step[kind]}
        fires = step.get("fire_triggers", False)
        return command(kind, name, at=at, profile_id=step.get("of", DEFAULT), fire_triggers=fires, **said)

    def _add_up(self) -> None:
        """See that each profile's total is the sum of its awards (S2)."""
        for change in self.changes():
            total = self._earned.get(change.profile_id, 0) + sum(award.points for award in change.awards)
            self._earned[change.profile_id] = total
        contact = self._fold.contact
        for profile_id, state in {} if contact is None else contact.core.profiles.items():
            assert state.total == self._earned.get(profile_id, 0), (
                f"step {self._number}: {profile_id} is not its awards"
            )

    def changes(self) -> list[ScoreChanged]:
        """What the step told of scores."""
        return [out for out in self._seen if isinstance(out, ScoreChanged)]

    def crossings(self) -> list[str]:
        """The thresholds that the step passed; of the default profile without its name."""
        passed = [out for out in self._seen if isinstance(out, ThresholdCrossed)]
        return [f"{out.profile_id} {out.threshold} {out.direction}".removeprefix(f"{DEFAULT} ") for out in passed]

    def paid(self) -> list[str]:
        """What the step's awards are for, in the order of the log."""
        awards = [award for change in self.changes() for award in change.awards]
        return [award.rule_name or award.reason for award in sorted(awards, key=lambda award: award.log_id)]

    def shows(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """The shown scores of the profiles that are asked for."""
        return {profile_id: self._fold.shown(profile_id) for profile_id in wanted}

    def earned(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """The sums of all awards of the profiles that are asked for, limits or not."""
        return {profile_id: self._earned.get(profile_id, 0) for profile_id in wanted}

    def versions(self) -> list[int]:
        """The rulebook versions that the step's changes name."""
        return [change.rulebook_version for change in self.changes()]

    @property
    def known(self) -> bool:
        """Whether anything was ever heard of the contact."""
        return self._fold.contact is not None

    @property
    def score(self) -> int:
        """The default profile's score."""
        return self._fold.score

    @property
    def capped(self) -> int:
        """How many rules matched in this step and were used up."""
        return self._capped

    @property
    def says(self) -> list[str]:
        """What the lint answered to the author."""
        return self._says


EXPECTED: Final[Mapping[str, Callable[[Story, Any], Any]]] = {
    "score": lambda story, _: story.score,
    "shows": Story.shows,
    "earned": Story.earned,
    "pays": lambda story, _: story.paid(),
    "crossed": lambda story, _: story.crossings(),
    "changes": lambda story, _: len(story.changes()),
    "capped": lambda story, _: story.capped,
    "known": lambda story, _: story.known,
    "says": lambda story, _: story.says,
    "rulebook_versions": lambda story, _: story.versions(),
}


def play(scenario: Said, rule_sets: Mapping[str, list[Said]]) -> None:
    """Play a scenario, in every order of what it says may come in any."""
    for order in permutations(scenario.get("in_any_order", ())):
        first, again = (Story(scenario, rule_sets) for _ in range(2))
        for story in (first, again):
            for step in (*order, *scenario["steps"]):
                story.play(step)
        assert first.told == again.told
