"""The profiles of one contact while one cause pays into them: what the ledger does where more than ``default`` counts.

Laws: awards are numbered in the order in which they are paid, over all profiles; each is cut to what still fits an
int64; one ScoreChanged for each profile that got an award or shows another score, in the order of profile ids; a score
of a profile that is not published counts as 0 where another asks for it (D20).
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.outputs import Award
from schemas.state import LINEAR_BYTES, Core, Facts
from stream_app.scoring.account import Account, Paying, instant
from stream_app.scoring.conditions import Known
from stream_app.scoring.contact import NEW_PROFILE
from stream_app.scoring.decay import NO_PARTS, room_for
from stream_app.scoring.decay_due import next_move
from stream_app.scoring.fit import FitRule, fit_reason
from stream_app.scoring.ledger import Occasion, Output, cut, fires_after, post
from stream_app.scoring.org_rules import OrgRules
from stream_app.scoring.profiles import PLAIN
from stream_app.scoring.shown import score_of, shown_now

GONE_REASON: Final = "Taken back: a deleted rule"


class Accounts:
    """The profiles of one contact.

    A profile without a state shows 0, whatever its limits: it begins with its first award.  Awards decay from ``at``,
    at most `instant`, which is where decaying scores are shown.
    """

    def __init__(self, core: Core, org: OrgRules, clock: int, at: int, wall: int = 0) -> None:
        self._clock = instant(clock, core.born_at, at, wall)
        self._at = at or self._clock
        self._core = core
        self._log_id = core.log_id
        self._paid: list[Award] = []
        self._states = core.profiles
        self._org = org
        self._open: dict[str, Account] = {}
        self._all = False

    def award(self, profile_id: str, points: int, reason: str) -> None:
        """Pay a profile what a command orders: points that fit."""
        account = self._account(profile_id)
        self._log(account, points, reason)
        account.fade(None, points, self._at)

    def overwrite(self, profile_id: str, points: int, reason: str) -> None:
        """Pay a profile what it lacks to what is to be shown: that has all of it left, however old the order is."""
        account = self._account(profile_id)
        self._log(account, points, reason)
        account.fade(None, points, account.at)

    def pay_rules(self, firing: Iterable[Paying]) -> None:
        """Pay rules that fired, in their order, as far as it fits."""
        for rule in firing:
            account = self._account(rule.profile_id)
            points = cut(account.total, rule.points)
            self._paid.append(self._log(account, points, rule.reason, rule.id, rule.name))
            account.count(rule.group, points)
            account.fade(rule.group, points, self._at)

    def decay(self, profile_ids: Iterable[str]) -> None:
        """Let profiles show what they have come to by themselves (S38)."""
        for profile_id in profile_ids:
            self._account(profile_id).due = True

    def unclamped(self, profile_id: str) -> int:
        """Return what a profile would show without floor and ceiling (D8)."""
        return self._account(profile_id).unclamped

    def total(self, profile_id: str) -> int:
        """Return the sum of all awards of a profile."""
        return self._states.get(profile_id, NEW_PROFILE).total

    def reset(self, reason: str) -> None:
        """Take every total to 0, and forget groups and what fit rules pay.

        What is made of others may have earned something before it was.
        """
        for profile_id, state in sorted(self._states.items()):
            account = self._account(profile_id)
            if state.total:
                self._log(account, -state.total, reason)
            account.forget()

    def fit(self, facts: Facts, *, every: bool) -> None:
        """Let fit rules pay what their conditions are worth now, in id order: every one, or the watchful.

        They see the scores as they are shown once all other awards of this cause are counted (decision 0012); what
        rules pay that are gone is taken back where all is looked at.
        """
        shown = shown_now(self._open, self._states, self._org, everything=self._all) if self._org.asked else {}
        scores = {profile_id: score_of(profile_id, shown, self._states, self._org) for profile_id in self._org.asked}
        known = Known(facts, scores.__getitem__)
        due: list[tuple[int, str, FitRule | None]] = [
            (rule.id, rule.profile_id, rule) for rule in self._org.fit if every or rule.watchful
        ]
        if self._all:
            due += [(rule_id, profile_id, None) for profile_id, rule_id in self._gone()]
        for rule_id, profile_id, rule in sorted(due, key=_by_ids):
            self._fit(rule_id, profile_id, rule, 0 if rule is None else rule.worth(known))

    def open_all(self, *, fresh: bool) -> None:
        """Look at every published profile that has a state, whether or not it is paid (D15).

        ``fresh`` tells that the clock rules are: what is due by them shows what it has come to.
        """
        self._all = True
        for profile_id, state in self._states.items():
            profile = self._org.profiles.get(profile_id)
            if profile is not None:
                due = next_move(profile, state) if fresh else None
                self._account(profile_id).due = due is not None and due <= self._clock

    def settle(self, occasion: Occasion, announce: bool = True) -> tuple[Core, list[Output]]:
        """Return the core after the awards, the same object when nothing has changed, and the outputs.

        Without ``announce`` crossings move silently (D8).
        """
        shown = shown_now(self._open, self._states, self._org, everything=self._all)
        profiles, outputs, changed = dict(self._states), list[Output](), False
        for profile_id in sorted({*self._open, *shown}):
            account = self._account(profile_id)
            state = account.counted(profile_id in shown)
            if profile_id in shown:
                state, sent = post(
                    state, profile_id, account.profile.thresholds, account.awards, account.total, shown[profile_id],
                    occasion, announce,
                )  # fmt: skip
                outputs += sent
            if state is not account.state:
                profiles[profile_id], changed = state, True
        if not changed:
            return self._core, outputs
        fires = fires_after(self._core.fires, self._paid, self._org) if self._paid else self._core.fires
        core = msgspec.structs.replace(self._core, log_id=self._log_id, profiles=profiles, fires=fires)
        return core, outputs

    # ------------------------------------------------------------------ inside
    def _account(self, profile_id: str) -> Account:
        account = self._open.get(profile_id)
        if account is None:
            profile = self._org.profiles.get(profile_id, PLAIN)
            room = LINEAR_BYTES if profile.decay is None else room_for(profile_id, self._states)
            state = self._states.get(profile_id, NEW_PROFILE)
            account = self._open[profile_id] = Account(profile, state, self._clock, room)
        return account

    def _log(
        self, account: Account, points: int, reason: str, rule_id: int | None = None, name: str | None = None
    ) -> Award:
        self._log_id += 1
        award = Award(self._log_id, rule_id, name, points, reason)
        account.awards.append(award)
        account.total += points
        return award

    def _fit(self, rule_id: int, profile_id: str, rule: FitRule | None, worth: int) -> None:
        """Let one fit rule pay the difference between what it is worth and what it is paying."""
        account = self._open.get(profile_id)
        state = self._states.get(profile_id, NEW_PROFILE)
        memory = account.fit if account is not None else (state.parts or NO_PARTS).fit
        paid, group = memory.get(rule_id, (0, None))
        wanted_group = group if rule is None else rule.group
        if worth == paid and (paid == 0 or group == wanted_group):
            return
        account = self._account(profile_id)
        account.count(group, -paid)
        account.count(wanted_group, paid)
        if worth != paid:
            points = cut(account.total, worth - paid)
            named = self._org.rules.get(rule_id)
            name = rule.name if rule is not None else None if named is None else named.name
            reason = GONE_REASON if name is None else fit_reason(name, worth, paid)
            self._log(account, points, reason, rule_id, name)
            account.count(wanted_group, points)
            paid += points
        if paid:
            account.fit[rule_id] = (paid, wanted_group)
        else:
            account.fit.pop(rule_id, None)

    def _gone(self) -> Iterable[tuple[str, int]]:
        """Yield (profile id, rule id) of what is being paid by fit rules that a published profile no longer has."""
        for profile_id, profile in self._org.profiles.items():
            parts = self._states.get(profile_id, NEW_PROFILE).parts
            for rule_id in () if parts is None else parts.fit:
                if rule_id not in profile.fit:
                    yield profile_id, rule_id


def pay_profiles(
    accounts: Accounts, firing: Iterable[Paying], facts: Facts, occasion: Occasion, *, changed: bool
) -> tuple[Core, list[Output]]:
    """Return the core and the outputs after rules that fired and fit rules; ``changed`` tells whether facts have."""
    accounts.pay_rules(firing)
    accounts.fit(facts, every=changed)
    return accounts.settle(occasion)


def _by_ids(due: tuple[int, str, FitRule | None]) -> tuple[int, str]:
    return due[:2]
