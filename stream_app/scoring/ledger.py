"""The ledger: awards become one ScoreChanged, its crossings and the profile's next state (S2, S3, S10, S40).

Laws: total = sum of all awards ever logged; it never leaves int64: an award of a rule that would is cut to what fits
(the row says what was paid), an award of a command is refused before it gets here (D19).  `pay` is the hot path, for
orgs whose one profile shows its total; `scoring.accounts` does the same for all others.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.authored import DEFAULT_PROFILE
from schemas.outputs import Award, Cause, ScoreChanged, ThresholdCrossed
from schemas.state import Core, ProfileState
from stream_app.scoring.contact import NEW_PROFILE
from stream_app.scoring.org_rules import OrgRules
from stream_app.scoring.profiles import INT64_MAX, INT64_MIN
from stream_app.scoring.rules import CompiledRule, memory_of
from stream_app.scoring.thresholds import NO_THRESHOLDS, Thresholds

# Within these bounds no award on the way can have left int64: 500 rules of at most int32.
SURE_MIN: Final = INT64_MIN + 2**41
SURE_MAX: Final = INT64_MAX - 2**41

Output = ScoreChanged | ThresholdCrossed


class Occasion(msgspec.Struct, frozen=True, gc=False):
    """What all outputs of one input share; ``origin`` is ``<topic>-<partition>-<offset>``, ``occurred_at`` text."""

    origin: str
    org_id: str
    site_id: str | None
    contact_id: str
    cause: Cause
    occurred_at: str
    rulebook_version: int


def fits(points: int) -> bool:
    """Tell whether a number is an int64."""
    return INT64_MIN <= points <= INT64_MAX


def rule_awards(rules: Iterable[CompiledRule], log_id: int) -> list[Award]:
    """Return the awards of rules that fired; ``log_id`` is the last one used."""
    awards: list[Award] = []
    for rule in rules:
        log_id += 1
        awards.append(Award(log_id, rule.id, rule.name, rule.points, rule.reason))
    return awards


def pay(
    core: Core, awards: list[Award], org: OrgRules, occasion: Occasion
) -> tuple[dict[str, ProfileState], dict[int, int], list[Output]]:
    """Return profiles, fire counts and outputs after awards of rules, at least one, where only the total counts."""
    state = core.profiles.get(DEFAULT_PROFILE, NEW_PROFILE)
    if state.decay is not None:
        # INVARIANT: sums_of_a_decay_that_is_off_are_forgotten_with_the_first_award
        state = msgspec.structs.replace(state, decay=None)
    total = state.total
    for award in awards:
        total += award.points
    if not SURE_MIN <= total <= SURE_MAX:
        awards, total = _cut_all(state.total, awards)
    state, outputs = post(state, DEFAULT_PROFILE, org.thresholds, awards, total, total, occasion)
    return {**core.profiles, DEFAULT_PROFILE: state}, fires_after(core.fires, awards, org), outputs


def fires_after(before: dict[int, int], awards: Iterable[Award], org: OrgRules) -> dict[int, int]:
    """Return the fire counts after awards of rules that fired (S12)."""
    fires = before.copy()
    for award in awards:
        rule_id = award.rule_id
        if rule_id is not None:
            memory = rule_id if not org.lives else memory_of(rule_id, org.lives)
            fires[memory] = fires.get(memory, 0) + 1
    if len(fires) > len(org.memories):  # some are of deleted rules: nothing asks for them again
        fires = {memory: count for memory, count in fires.items() if memory in org.memories}
    return fires


def post(
    state: ProfileState, profile_id: str, thresholds: Thresholds, awards: list[Award], total: int, shown: int,
    occasion: Occasion, announce: bool = True,
) -> tuple[ProfileState, list[Output]]:  # fmt: skip
    """Return a profile after awards and the outputs; without ``announce`` crossings move silently (D8)."""
    before = state.shown
    version = state.version + 1
    changed = ScoreChanged(
        f"{occasion.origin}/{profile_id}", occasion.org_id, occasion.site_id, occasion.contact_id, profile_id,
        before, shown, shown - before, version, awards, occasion.cause, occasion.occurred_at,
        occasion.rulebook_version,
    )  # fmt: skip
    outputs: list[Output] = [changed]
    held = state.held
    if held or (thresholds is not NO_THRESHOLDS and shown != before and not thresholds.untouched(before, shown)):
        crossings, held = thresholds.cross(before, shown, held)
        if announce:
            outputs += [_crossed(changed, value, direction == "up") for value, direction in crossings]
    return ProfileState(total, state.awards + len(awards), shown, version, held, state.parts, state.decay), outputs


def cut(total: int, points: int) -> int:
    """Return what of an award still fits: the total stays an int64 (D19)."""
    return min(max(points, INT64_MIN - total), INT64_MAX - total)


def _crossed(changed: ScoreChanged, value: int, up: bool) -> ThresholdCrossed:
    direction = "up" if up else "down"
    return ThresholdCrossed(
        f"{changed.id}/{value}/{direction}", changed.org_id, changed.contact_id, changed.profile_id, value, direction,
        changed.previous_score, changed.score, changed.version, changed.cause, changed.occurred_at,
    )  # fmt: skip


def _cut_all(total: int, awards: list[Award]) -> tuple[list[Award], int]:
    """Return the awards, each cut so that the total stays an int64 after it, and the total."""
    paid: list[Award] = []
    for award in awards:
        points = cut(total, award.points)
        paid.append(award if points == award.points else msgspec.structs.replace(award, points=points))
        total += points
    return paid, total
