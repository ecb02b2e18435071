"""Bugs of decay planted in the reference that an engine runs on: ways to misread S38 and decision 0015."""

from collections.abc import Callable
from fractions import Fraction

from tests.faults import reference, reference_fading
from tests.faults.reference_clock import Silent
from tests.faults.reference_decay import DAY, HalfLife, half_up
from tests.faults.reference_fading import Body, Fading, Group
from tests.faults.reference_rules import ClockRules
from tests.faults.reference_step import Step

HOUR = 3_600_000
Patches = list[tuple[object, str, object]]


def rounds_each_group() -> Patches:
    """Rounds what each group has left instead of the sum."""

    def rounded(store: HalfLife, decay: Body, clock: int) -> dict[Group, list[Fraction]]:
        found = left(store, decay, clock).items()
        return {group: [Fraction(half_up(sum(sides, Fraction(0))))] for group, sides in found}

    left = HalfLife.left
    return [(HalfLife, "left", rounded)]


def rounds_down() -> Patches:
    """Takes the lower of two integers that are as near, and of any two."""
    return [(reference_fading, "half_up", lambda value: value.numerator // value.denominator)]


def loses_ticks() -> Patches:
    """Tells a threshold passed and no tick without one."""

    def thresholds_only(fading: Fading) -> int | None:
        due = next_due(fading)
        return due if due is None or fading.crosses(due) else None

    next_due = Fading.next_due
    return [(Fading, "next_due", thresholds_only)]


def tells_at_ticks_only() -> Patches:
    """Waits for the next tick where a threshold was passed before it."""
    return [(Fading, "next_due", lambda fading: next(
        (tick for tick in fading.ticks() if fading.shows(tick) != fading.state["shown"]), None))]  # fmt: skip


def decays_after_silence() -> Patches:
    """Lets silences act first where both are due, and decay in a look of its own after them."""

    def silence_first(silent: Silent, clock: ClockRules, moves: dict[str, int]) -> tuple[int, list[str], list[Body]]:
        due, fallen, rules = ring(silent, clock, moves)
        return due, [] if rules else fallen, rules

    ring = Silent.ring
    return [(Silent, "ring", silence_first)]


def counts_ticks_from_the_next_hour() -> Patches:
    """Remembers when it has told something to the hour."""

    def kept(fading: Fading, is_told: bool) -> Body:
        made = honest(fading, is_told)
        return made | {"told": -(-made["told"] // HOUR) * HOUR}

    honest = Fading.kept
    return [(Fading, "kept", kept)]


def decays_late_awards_from_the_clock() -> Patches:
    """Takes the time at which an event came for the time at which it happened."""

    def add(fading: Fading, group: Group, nano: int, at: int) -> None:
        honest(fading, group, nano, fading.clock)

    honest = Fading.add
    return [(Fading, "add", add)]


def takes_what_comes_for_as_old_as_the_clock() -> Patches:
    """Lets an award decay from the clock that lags behind it for another source, so that it is older when that ends."""

    def looked_at(clock: int, wall: int, at: int, born: int) -> int:
        return honest(clock, 0, at, born)

    honest = reference_fading.looked_at
    return [(reference, "looked_at", looked_at)]


def decays_from_the_event_whatever_the_order() -> Patches:
    """Moves the sums to the instant of each award, also back to that of a late one."""

    def add(store: HalfLife, decay: Body, group: Group, nano: int, at: int) -> None:
        store.at = min(store.at, at)
        honest(store, decay, group, nano, at)

    honest = HalfLife.add
    return [(HalfLife, "add", add)]


def looks_that_move_the_sums() -> Patches:
    """Decays the sums themselves whenever something is told, and so rounds them again and again."""

    def kept(fading: Fading, is_told: bool) -> Body:
        if is_told and isinstance(fading.store, HalfLife):
            fading.store.add(fading.decay, None, 0, fading.clock)
        return honest(fading, is_told)

    honest = Fading.kept
    return [(Fading, "kept", kept)]


def edits_that_count_from_the_start() -> Patches:
    """Lets the parameters of an edit decay all that was ever earned, as if it had been so since the first body."""

    def __init__(fading: Fading, body: Body, state: Body, since: int, clock: int) -> None:
        kept = state["decay"]
        if kept is not None and kept["by"] != reference_fading.terms(body["decay"]):
            honest(fading, body, state | {"decay": None}, since, clock)
            fading.state = state
        else:
            honest(fading, body, state, since, clock)

    honest = Fading.__init__
    return [(Fading, "__init__", __init__)]


def fades_what_fit_rules_pay() -> Patches:
    """Takes what a fit rule pays for an award."""

    def unlimited(fading: Fading, at: int) -> int:
        fit = fading.state["fit"]
        days = max(0, at - fading.clock) // DAY
        fading.state["fit"] = {rule: [paid // (1 + days), group] for rule, (paid, group) in fit.items()}
        try:
            return honest(fading, at)
        finally:
            fading.state["fit"] = fit

    honest = Fading.unlimited
    return [(Fading, "unlimited", unlimited)]


def shows_fit_rules_nothing_of_time() -> Patches:
    """Asks fit rules at inputs only, though the clock moves scores that they pay for (S36)."""

    def run(step: Step) -> str:
        if step.fact["is"] == "clock":
            step.ledger.fit = lambda facts_changed: None
        return honest(step)

    honest = Step.run
    return [(Step, "run", run)]


IN_ENGINE: list[tuple[Callable[[], Patches], set[str]]] = [
    (rounds_each_group, {"wrong output"}), (rounds_down, {"wrong output", "wrong state"}),
    (loses_ticks, {"lost output"}), (tells_at_ticks_only, {"lost output", "wrong output"}),
    (decays_after_silence, {"wrong output"}), (counts_ticks_from_the_next_hour, {"wrong output", "wrong state"}),
    (decays_late_awards_from_the_clock, {"wrong output", "wrong state"}),
    (takes_what_comes_for_as_old_as_the_clock, {"wrong output", "wrong state"}),
    (decays_from_the_event_whatever_the_order, {"wrong output", "wrong state"}),
    (looks_that_move_the_sums, {"wrong state"}), (edits_that_count_from_the_start, {"wrong output"}),
    (fades_what_fit_rules_pay, {"lost output"}), (shows_fit_rules_nothing_of_time, {"lost output", "wrong output"}),
]  # fmt: skip
