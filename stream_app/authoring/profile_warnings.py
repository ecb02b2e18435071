"""What is odd about a profile, alone, with its rules, and among the profiles of its org.

Laws: nothing here is an error; what is told to be out of reach is so by rules, not by what people adjust and import;
times are in output form, so that they compare as texts.
Source: S17, S34-S36, S40, D7, D17, D20.
"""

from collections.abc import Collection, Iterator, Sequence

from schemas.authored import RuleBody
from schemas.conditions import Condition
from schemas.profiles import ProfileBody, Threshold
from stream_app.authoring.condition_warnings import holds_for_nobody
from stream_app.authoring.problems import Problem, warning


def profile_warnings(body: ProfileBody) -> Iterator[Problem]:
    """Yield what is odd about a profile's body alone."""
    if body.floor is not None and body.floor == body.ceiling:
        yield warning("constant", "floor and ceiling leave one score only", "ceiling")
    for index, group in enumerate(body.groups):
        if group.min is None and group.max is None:
            yield warning("no_effect", "a group without min and max limits nothing", "groups", index)
        if group.min is not None and group.min == group.max:
            yield warning("constant", "min and max leave one value only", "groups", index, "max")
        if group.min is not None and group.min > 0:
            message = "contacts whose rules in the group paid nothing are shown this too"
            yield warning("unearned", message, "groups", index, "min")
        if group.min is not None and body.ceiling is not None and group.min > body.ceiling:
            yield warning("out_of_reach", f"this is above the ceiling, {body.ceiling}", "groups", index, "min")
    for index, threshold in enumerate(body.thresholds):
        yield from _threshold_warnings(body, index, threshold)


def rules_in_profile_warnings(body: ProfileBody, rules: Sequence[RuleBody]) -> Iterator[Problem]:
    """Yield what is odd about a profile's body, given all its rules; places are those of the body."""
    active = [rule for rule in rules if rule.active]
    used = {rule.group for rule in active}
    for index, group in enumerate(body.groups):
        if group.name not in used:
            yield warning("unused", f"no active rule is in the group {group.name}", "groups", index)
    most = _most(body, active) if body.formula is None and active else None
    for index, threshold in enumerate(body.thresholds):
        if most is not None and max(most, 0) < _value(threshold):
            message = f"the rules pay at most {most} together: only an adjustment or an import reaches this"
            yield warning("out_of_reach", message, "thresholds", index)


def rule_in_profile_warnings(rule: RuleBody, profile: ProfileBody, at: str) -> Iterator[Problem]:
    """Yield what is odd about a rule, given the profile that it is of and the time; places are those of the rule."""
    if rule.publish_down is not None and rule.publish_down < at:
        message = "its window has closed: it pays only for what happened before that and is heard of late"
        yield warning("window_over", message, "publishDown")
    if rule.group is not None and rule.group not in {group.name for group in profile.groups}:
        yield warning("no_limits", f"its profile declares no limits for the group {rule.group}", "group")
    limits = list(_limits(rule.profile_id, profile))
    if rule.attribute is not None and limits:
        # Beside them a tree may have more nodes than an author may write.
        within = Condition.model_construct(operator="AND", conditions=[rule.attribute, *limits])
        if holds_for_nobody(within) and not holds_for_nobody(rule.attribute):
            message = "floor and ceiling of its profile leave no score for which this holds"
            yield warning("never_true", message, "attribute")


def formula_warnings(body: ProfileBody, known: Collection[str]) -> Iterator[Problem]:
    """Yield the operands of a formula that no profile of the org is (D20)."""
    for index, operand in enumerate(() if body.formula is None else body.formula.average):
        if operand not in known:
            message = f"there is no profile {operand}: it counts 0"
            yield warning("unknown_profile", message, "formula", "average", index)


def _threshold_warnings(body: ProfileBody, index: int, threshold: int | Threshold) -> Iterator[Problem]:
    """Judge a threshold; a contact begins with 0, whatever the limits are (D7)."""
    value = _value(threshold)
    low = value - (threshold.hysteresis if isinstance(threshold, Threshold) else 0)
    if body.ceiling is not None and value > max(body.ceiling, 0):
        message = f"no score is above the ceiling, {body.ceiling}: nobody crosses this"
        yield warning("out_of_reach", message, "thresholds", index)
    elif body.floor is not None and value <= min(body.floor, 0):
        message = f"no score is below the floor, {body.floor}: nobody crosses this"
        yield warning("out_of_reach", message, "thresholds", index)
    elif body.floor is not None and low <= body.floor:
        message = f"no score falls below {low} again, for the floor is {body.floor}: this is crossed once, up"
        yield warning("once_only", message, "thresholds", index)


def _limits(profile_id: str, profile: ProfileBody) -> Iterator[Condition]:
    """Yield what is so of every score of a profile; a contact begins with 0, whatever the limits are (D7)."""
    if profile.floor is not None:
        yield Condition(type="score", profile_id=profile_id, op="gte", value=min(profile.floor, 0))
    if profile.ceiling is not None:
        yield Condition(type="score", profile_id=profile_id, op="lte", value=max(profile.ceiling, 0))


def _most(body: ProfileBody, rules: Sequence[RuleBody]) -> int | None:
    """Return the most that rules can pay together, groups limited; None where there is no end."""
    by_group: dict[str | None, int] = {}
    endless: set[str | None] = set()
    for rule in (rule for rule in rules if rule.points > 0):
        if (times := _times(rule)) is None:
            endless.add(rule.group)
        else:
            by_group[rule.group] = by_group.get(rule.group, 0) + rule.points * times
    for group in body.groups:
        if group.max is not None and (group.name in endless or by_group.get(group.name, 0) > group.max):
            by_group[group.name] = group.max
            endless.discard(group.name)
        if group.min is not None and by_group.get(group.name, 0) < group.min:
            by_group[group.name] = group.min
    return None if endless else sum(by_group.values())


def _times(rule: RuleBody) -> int | None:
    once = rule.attribute is not None or (rule.page is not None and rule.page.time_spent_seconds is not None)
    return 1 if once else rule.cap


def _value(threshold: int | Threshold) -> int:
    return threshold.value if isinstance(threshold, Threshold) else threshold
