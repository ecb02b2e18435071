"""The ledger of one contact for the reference: awards, what is shown, and what is told, over all profiles of one step.

Laws: works on copies; ``close`` writes back what has changed and returns what is to be said, in the order of profile
ids (S30); totals are raw, limits, groups, decay and formulas decide what is shown (D1).
"""

from copy import deepcopy
from typing import Any

from tests.faults.reference_decay import MOST_BYTES
from tests.faults.reference_fading import NANO, Fading
from tests.faults.reference_profiles import (
    before_limits,
    bodies_of,
    fit_rules,
    half_up,
    holds,
    known_rules,
    limited,
    operands,
    watchful,
)  # fmt: skip
from tests.faults.reference_rules import Rulebook
from tests.faults.reference_values import INT64

Body = dict[str, Any]


def empty_profile() -> Body:
    return {"total": 0, "awards": 0, "shown": 0, "version": 0, "held": [], "groups": {}, "fit": {},
            "decay": None}  # fmt: skip


class Ledger:
    """``everything``: each published profile with a score is looked at, as a publish asks for (D15).

    Awards decay from ``at``, at most the ``clock``; profiles that are ``due`` show what they have come to by
    themselves.
    """

    def __init__(
        self, contact: Body, book: Rulebook, org: str, clock: int, at: int | None = None, everything: bool = False
    ) -> None:
        self.contact, self.book, self.org, self.everything = contact, book, org, everything
        self.clock, self.at = clock, clock if at is None else at
        self.bodies = bodies_of(book, org)
        self.states: dict[str, Body] = {}
        self.awards: dict[str, list[Body]] = {}
        self.fading: dict[str, Fading] = {}
        self.due: set[str] = set()
        for profile in sorted(contact["profiles"]) if everything else ():
            if profile in self.bodies:
                self.state(profile)

    def state(self, profile: str) -> Body:
        if profile not in self.states:
            state = self.states[profile] = deepcopy(self.contact["profiles"].get(profile, empty_profile()))
            if profile in self.book.clock(self.org).decays:
                self.fading[profile] = self.faded(profile, state)
        return self.states[profile]

    def faded(self, profile: str, state: Body) -> Fading:
        since, _ = self.book.clock(self.org).decays[profile]
        fading = Fading(self.bodies[profile], state, since, self.clock)
        others = {name: one for name, one in self.contact["profiles"].items() if name != profile}
        fading.room = MOST_BYTES // (1 + sum("piles" in (one["decay"] or {}) for one in others.values()))
        return fading

    def let_fall(self, profile: str) -> None:
        """A profile has become due by itself."""
        self.state(profile)
        self.due.add(profile)

    def unlimited(self, profile: str) -> int:
        """What a profile shows before floor and ceiling; nothing is opened by it."""
        state = self.contact["profiles"].get(profile, empty_profile())
        if profile in self.book.clock(self.org).decays:
            fading = self.faded(profile, state)
            return fading.unlimited(fading.clock)
        return before_limits(self.bodies.get(profile, {}), state)

    def award(
        self, profile: str, rule_id: int | None, name: str | None, points: int, reason: str, group: str | None = None
    ) -> None:
        """Log an award, which fades where the profile does."""
        points = self.log(profile, rule_id, name, points, reason, group)
        if profile in self.fading:
            self.fading[profile].add(group, points * NANO, self.at)

    def log(
        self, profile: str, rule_id: int | None, name: str | None, points: int, reason: str, group: str | None = None
    ) -> int:
        """Log an award, of which only counts what fits (S3); return that."""
        state = self.state(profile)
        points = min(max(points, INT64[0] - state["total"]), INT64[-1] - state["total"])
        self.contact["logId"] += 1
        row = {"logId": self.contact["logId"], "ruleId": rule_id, "ruleName": name, "points": points, "reason": reason}
        self.awards.setdefault(profile, []).append(row)
        state["total"] += points
        state["awards"] += 1
        self.move(profile, group, points)
        return points

    def move(self, profile: str, group: str | None, points: int) -> None:
        if group is not None:
            groups = self.state(profile)["groups"]
            groups[group] = groups.get(group, 0) + points
            if groups[group] == 0:
                del groups[group]

    def reset(self) -> None:
        """Each total becomes 0, also of what a profile earned before it got a formula."""
        for profile in sorted(self.contact["profiles"]):
            state = self.state(profile)
            if state["total"] != 0:
                self.log(profile, None, None, -state["total"], "reset")
            state["groups"], state["fit"] = {}, {}
            if profile in self.fading:
                self.fading[profile].forget()

    def fit(self, facts_changed: bool) -> None:
        """S36: every fit rule after new facts, else only those whose condition may have changed without (D24)."""
        rules = fit_rules(self.book, self.org)
        scores = self.scores()
        due = [(number, rule.get("profileId", "default")) for number, rule in rules.items()
               if facts_changed or self.everything or watchful(rule["attribute"])]  # fmt: skip
        if self.everything:
            for profile in self.bodies:
                kept = self.contact["profiles"].get(profile, empty_profile())["fit"]
                due += [(number, profile) for number in kept
                        if number not in rules or rules[number].get("profileId", "default") != profile]  # fmt: skip
        for number, profile in sorted(due):
            rule = rules.get(number)
            if rule is not None and rule.get("profileId", "default") != profile:
                rule = None
            worth = rule["points"] if rule is not None and holds(rule["attribute"], self.contact, scores) else 0
            self.pay_fit(number, profile, rule, worth)

    def pay_fit(self, number: int, profile: str, rule: Body | None, worth: int) -> None:
        known = self.states.get(profile) or self.contact["profiles"].get(profile, empty_profile())
        paid, group = known["fit"].get(number, [0, None])
        wanted = group if rule is None else rule.get("group")
        if worth == paid and (paid == 0 or wanted == group):
            return
        self.move(profile, group, -paid)
        self.move(profile, wanted, paid)
        if worth != paid:
            verb = "Taken back" if worth == 0 else "Changed" if paid else "Rule"
            live = rule or known_rules(self.book, self.org).get(number)
            name = None if live is None else live["name"]
            reason = f"{verb}: {'a deleted rule' if name is None else name}"
            paid += self.log(profile, number, name, worth - paid, reason, wanted)
        fit = self.state(profile)["fit"]
        fit.pop(number, None)
        if paid:
            fit[number] = [paid, wanted]

    # ------------------------------------------------------------------ what is shown
    def scores(self) -> dict[str, int]:
        """What every published profile shows now."""
        return {profile: self.score(profile)[0] for profile in self.bodies}

    def score(self, profile: str) -> tuple[int, bool]:
        """What a profile shows, and whether that is to be told; an unpublished operand is 0 (D20)."""
        stored = self.contact["profiles"].get(profile, empty_profile())["shown"]
        body = self.bodies.get(profile)
        parts = None if body is None else operands(body)
        if parts is None:
            if profile not in self.states:
                return stored, False
            state = self.states[profile]
            if profile in self.fading:
                shown = self.fading[profile].shown(stored, profile in self.awards or profile in self.due)
            else:
                shown = limited(body or {}, before_limits(body or {}, state))
            return shown, profile in self.awards or shown != stored
        found = [(value if part in self.bodies else 0, told) for part in parts for value, told in [self.score(part)]]
        seen = self.everything and any(part in self.contact["profiles"] for part in (profile, *parts))
        paid = profile in self.awards  # taken back of what it earned before it got its formula
        if not seen and not any(told for _, told in found):
            return stored, paid
        shown = limited(body or {}, half_up(sum(value for value, _ in found), len(found)))
        return shown, paid or shown != stored

    def close(self) -> list[tuple[str, Body, int, list[Body]]]:
        """Write the profiles back; return (profile, state, score before, awards) of those of which there is news."""
        news: list[tuple[str, Body, int, list[Body]]] = []
        scores = {profile: self.score(profile) for profile in sorted({*self.states, *self.bodies})}
        for profile, (shown, told) in scores.items():
            if told:
                self.state(profile)
            if profile in self.states:
                fading = self.fading.get(profile)
                self.states[profile]["decay"] = None if fading is None else fading.kept(told)
            if told:
                state = self.state(profile)
                before, state["shown"] = state["shown"], shown
                state["version"] += 1
                news.append((profile, state, before, self.awards.get(profile, [])))
        self.contact["profiles"].update(self.states)
        return news
