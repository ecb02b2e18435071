"""One org while `config` records are folded into it: its records, and since when what acts by the clock is live.

Laws: a silence is live since its `inactivity` came into force (D25), a profile decays since its record or publish first
said so (decision 0015); the clock rules get the version of the record that last changed them.
"""

from collections.abc import Iterable

import msgspec

from schemas.authored import DEFAULT_PROFILE, ProfileRecord, Rule
from schemas.profiles import ProfileBody
from schemas.times import parse_time
from stream_app.scoring.inactivity import compile_silences, live_since
from stream_app.scoring.org_rules import Decaying, OrgRules, compile_org, live_rules


class OrgFold:
    """One org while records are folded into it; its compilation waits for the last of them."""

    def __init__(self, org: OrgRules) -> None:
        self.authored, self.profile, self.published = dict(org.authored), org.profile, dict(org.published)
        self.clock, self.since = org.clock, dict(org.clock.since)
        frozen = (rule for one in self.published.values() for rule in one.body.rules)
        self.any_silence = any(rule.inactivity is not None for rule in (*self.authored.values(), *frozen))
        self.silences = self._live_silences()

    def compiled(self) -> OrgRules:
        """Return the org, compiled."""
        return compile_org(self.authored, self.profile, self.published, self.clock)

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
        silences = compile_silences(self.silences.values(), self.since)
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
                (body.decay, body.floor, body.ceiling, tuple(body.groups), tuple(body.thresholds)),
            )
            for profile_id, body in bodies.items()
            if body.decay is not None
        }
        if decays != before:
            self.clock = msgspec.structs.replace(self.clock, version=version, decays=decays)

    def _live_silences(self) -> dict[int, Rule]:
        """Return the active rules in force that pay for silence; of a draft, and of an org without them, none."""
        if not self.any_silence:
            return {}
        live = live_rules(self.authored, self.published).values()
        return {rule.id: rule for rules in live for rule in rules if rule.active and rule.inactivity is not None}
