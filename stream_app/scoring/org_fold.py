"""One org while `config` records are folded into it: its records, and since when what acts by the clock is live.

Laws: a silence is live since its `inactivity` came into force (D25), a profile decays since its record or publish first
said so (decision 0015); the clock rules get the version of the record that last changed them.
"""

from collections.abc import Collection, Iterable

import msgspec

from schemas.authored import DEFAULT_PROFILE, ProfileRecord, PublishedProfile, Rule
from schemas.profiles import ProfileBody
from schemas.times import parse_time
from stream_app.scoring.inactivity import compile_silences, live_since
from stream_app.scoring.org_rules import Decaying, OrgRules, Published, compile_org, live_rules
from stream_app.scoring.profiles import limits_said, thresholds_said


class OrgFold:
    """One org while records are folded into it; its compilation waits for the last of them."""

    def __init__(self, org: OrgRules) -> None:
        self.authored, self.profile, self.published = dict(org.authored), org.profile, dict(org.published)
        self.clock, self.since, self.claims = org.clock, dict(org.clock.since), org.claims.copy()
        self.gone, self.lives = set(org.gone), dict(org.lives)
        frozen = (rule for one in self.published.values() for rule in one.body.rules)
        self.any_silence = any(rule.inactivity is not None for rule in (*self.authored.values(), *frozen))
        self.silences = self._live_silences()

    def compiled(self) -> OrgRules:
        """Return the org, compiled."""
        return compile_org(
            self.authored, self.profile, self.published, self.clock, self.claims, frozenset(self.gone), self.lives
        )

    def write(self, rule: Rule) -> None:
        """Take a rule as it is written: of ``default`` it counts at once, of any other profile it is a draft (S31)."""
        self.authored[rule.id] = rule
        if rule.profile_id == DEFAULT_PROFILE:
            self._give_up(self.claims.default_writes(rule.id))
        self._live([rule.id])
        self.meet([rule])

    def delete(self, rule_id: int) -> bool:
        """Take back a rule as it was written; tell whether there was one."""
        known = self.authored.pop(rule_id, None) is not None
        self._bury([rule_id] if known else [])
        return known

    def publish(self, profile_id: str, version: int, body: PublishedProfile) -> None:
        """Take what is published of a profile; the rules that it has now no other has."""
        before = self._scoring(profile_id)
        own = {rule.id for rule in self.authored.values() if rule.profile_id == DEFAULT_PROFILE}
        others = self.claims.publish(profile_id, version, [rule.id for rule in body.rules], own)
        self.published[profile_id] = Published(version, self._claimed(profile_id, body))
        self._give_up(others)
        self._live(rule.id for rule in self.published[profile_id].body.rules)
        self._bury(before)
        self.meet(body.rules)

    def unpublish(self, profile_id: str) -> None:
        """Let a profile score no more."""
        before = self._scoring(profile_id)
        self.claims.unpublish(profile_id)
        self.published.pop(profile_id, None)
        self._bury(before)

    def _scoring(self, *profile_ids: str) -> set[int]:
        """Return the ids of the rules that are published of profiles."""
        bodies = (self.published[one].body for one in profile_ids if one in self.published)
        return {rule.id for body in bodies for rule in body.rules}

    def _bury(self, rule_ids: Collection[int]) -> None:
        """Note which of these rules are deleted: neither written nor published any more."""
        # INVARIANT: a_rule_is_deleted_when_it_is_neither_written_nor_published
        if rule_ids:
            self.gone |= set(rule_ids) - self.authored.keys() - self._scoring(*self.published)

    def _live(self, rule_ids: Iterable[int]) -> None:
        """Note which of these rules come back after their deletion."""
        for rule_id in self.gone.intersection(rule_ids):
            self.gone.discard(rule_id)
            self.lives[rule_id] = self.lives.get(rule_id, 0) + 1

    def meet(self, rules: Iterable[Rule]) -> None:
        """Note that a record brings rules."""
        self.any_silence = self.any_silence or any(rule.inactivity is not None for rule in rules)

    def count_silences(self, version: int, published: ProfileRecord | None = None) -> None:
        """Note since when each active rule in force pays for silence, after a record, perhaps of a publish (D25)."""
        before, self.silences = self.silences, self._live_silences()
        if before == self.silences:
            return
        for rule_id, rule in self.silences.items():
            after = rule
            if published is not None and rule.profile_id == published.id:
                after = rule.model_copy(update={"updated_at": published.updated_at})
            self.since[rule_id] = live_since(before.get(rule_id), self.since.get(rule_id, 0), after)
        for rule_id in before.keys() - self.silences.keys():
            del self.since[rule_id]
        silences = compile_silences(self.silences.values(), self.since, self.lives)
        if silences != self.clock.silences:
            shortest = min((silence.period_ms for silence in silences), default=0)
            self.clock = msgspec.structs.replace(
                self.clock, version=version, silences=silences, since=dict(self.since), shortest_ms=shortest
            )

    def count_decays(self, version: int, updated_at: str) -> None:
        """Note since when profiles in force decay, after a record of ``updated_at`` (S38)."""
        bodies: dict[str, ProfileBody] = {profile_id: one.body for profile_id, one in self.published.items()}
        if self.profile is not None:
            bodies[DEFAULT_PROFILE] = self.profile
        before = self.clock.decays
        decays = {
            profile_id: Decaying(
                before[profile_id].since if profile_id in before else parse_time(updated_at),
                (body.decay, body.floor, body.ceiling, limits_said(body), thresholds_said(body)),
            )
            for profile_id, body in bodies.items()
            if body.decay is not None
        }
        if decays != before:
            self.clock = msgspec.structs.replace(self.clock, version=version, decays=decays)

    def _give_up(self, profile_ids: Iterable[str]) -> None:
        """Take from the bodies of profiles what others have taken."""
        for profile_id in profile_ids:
            one = self.published[profile_id]
            self.published[profile_id] = one._replace(body=self._claimed(profile_id, one.body))

    def _claimed(self, profile_id: str, body: PublishedProfile) -> PublishedProfile:
        """Return a body without the rules that others have taken."""
        # INVARIANT: a_rule_counts_in_one_profile
        kept = [rule for rule in body.rules if self.claims.has(profile_id, rule.id)]
        return body if len(kept) == len(body.rules) else body.model_copy(update={"rules": kept})

    def _live_silences(self) -> dict[int, Rule]:
        """Return the active rules in force that pay for silence; of a draft, and of an org without them, none."""
        if not self.any_silence:
            return {}
        live = live_rules(self.authored, self.published).values()
        return {rule.id: rule for rules in live for rule in rules if rule.active and rule.inactivity is not None}
