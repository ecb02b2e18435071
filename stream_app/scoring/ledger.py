"""The ledger: awards become one ScoreChanged, its crossings and the profile's next state (S2, S3, S10, S40).

Laws: score = sum of all awards ever logged; a total never leaves int64: an award of a rule that would is cut to what
fits (the row says what was paid), an award of a command is refused before it gets here (D19).
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.authored import DEFAULT_PROFILE
from schemas.outputs import Award, Cause, ScoreChanged, ThresholdCrossed
from schemas.state import Core, ProfileState
from stream_app.scoring.contact import NEW_PROFILE, NO_ONCE, Contact, with_once
from stream_app.scoring.once import Memories
from stream_app.scoring.rulebook import OrgRules
from stream_app.scoring.rules import CompiledRule
from stream_app.scoring.thresholds import NO_THRESHOLDS, Thresholds

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

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
    core: Core, awards: list[Award], org: OrgRules, occasion: Occasion, announce: bool = True
) -> tuple[dict[str, ProfileState], dict[int, int], list[Output]]:
    """Return profiles, fire counts (S12) and outputs after awards of the default profile, at least one."""
    state = core.profiles.get(DEFAULT_PROFILE, NEW_PROFILE)
    state, outputs = _post(state, awards, org.thresholds, occasion, announce)
    fires = core.fires.copy()
    for award in awards:
        if award.rule_id is not None:
            fires[award.rule_id] = fires.get(award.rule_id, 0) + 1
    if len(fires) > len(org.rules):  # some are of deleted rules
        fires = {rule_id: count for rule_id, count in fires.items() if rule_id in org.rules}
    return {**core.profiles, DEFAULT_PROFILE: state}, fires, outputs


def paid(
    contact: Contact, awards: list[Award], org: OrgRules, occasion: Occasion, learnt: Memories = NO_ONCE,
    announce: bool = True,
) -> tuple[Contact, list[Output]]:  # fmt: skip
    """Return the contact after awards, and the outputs, as `pay` gives them."""
    core = contact.core
    profiles, fires, outputs = pay(core, awards, org, occasion, announce)
    log_id = core.log_id + len(awards)
    core = msgspec.structs.replace(core, log_id=log_id, profiles=profiles, fires=fires)
    return with_once(msgspec.structs.replace(contact, core=core), learnt), outputs


def _post(
    state: ProfileState, awards: list[Award], thresholds: Thresholds, occasion: Occasion, announce: bool
) -> tuple[ProfileState, list[Output]]:
    """Return the default profile after awards, and the outputs; without ``announce`` crossings move silently (D8)."""
    before = state.shown
    total = state.total
    for award in awards:
        total += award.points
    if not INT64_MIN <= total <= INT64_MAX:
        awards, total = _cut(state.total, awards)
    version = state.version + 1
    changed = ScoreChanged(
        f"{occasion.origin}/{DEFAULT_PROFILE}", occasion.org_id, occasion.site_id, occasion.contact_id,
        DEFAULT_PROFILE, before, total, total - before, version, awards, occasion.cause, occasion.occurred_at,
        occasion.rulebook_version,
    )  # fmt: skip
    outputs: list[Output] = [changed]
    held = state.held
    if held or (thresholds is not NO_THRESHOLDS and total != before and not thresholds.untouched(before, total)):
        crossings, held = thresholds.cross(before, total, held)
        if announce:
            outputs += [_crossed(changed, value, direction == "up") for value, direction in crossings]
    return ProfileState(total, state.awards + len(awards), total, version, held), outputs


def _crossed(changed: ScoreChanged, value: int, up: bool) -> ThresholdCrossed:
    direction = "up" if up else "down"
    return ThresholdCrossed(
        f"{changed.id}/{value}/{direction}", changed.org_id, changed.contact_id, changed.profile_id, value, direction,
        changed.previous_score, changed.score, changed.version, changed.cause, changed.occurred_at,
    )  # fmt: skip


def _cut(total: int, awards: list[Award]) -> tuple[list[Award], int]:
    """Return the awards cut so that the total stays an int64 after each of them, and the total."""
    paid: list[Award] = []
    for award in awards:
        points = min(max(award.points, INT64_MIN - total), INT64_MAX - total)
        paid.append(award if points == award.points else msgspec.structs.replace(award, points=points))
        total += points
    return paid, total
