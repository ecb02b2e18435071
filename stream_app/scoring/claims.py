"""Whose a rule is: of the bodies that name it, the one in which it counts (S31).

Laws: a publish takes the rules that it names from every other body, and a record of a rule of ``default``, which has no
draft, takes that rule, each for good; what ``default`` has no publish takes; a record that tells again of the publish
before it, as that of a draft does, takes nothing.  Pure.
Source: decision 0012.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from schemas.authored import DEFAULT_PROFILE

Named = Mapping[str, tuple[int, frozenset[int]]]


class Claims:
    """One org's, while its records are read: by rule id the profile that took it last.

    ``named`` has, by profile, the newest publish and the ids in it, also of rules that it has lost since.
    """

    def __init__(self, of: Mapping[int, str] | None = None, named: Named | None = None) -> None:
        self._of, self._named = dict(of or {}), dict(named or {})

    def copy(self) -> "Claims":
        """Return the same, without what no publish names any more: a publish that did would take it anew."""
        still = frozenset[int]().union(*(ids for _, ids in self._named.values()))
        return Claims({rule_id: taker for rule_id, taker in self._of.items() if rule_id in still}, self._named)

    def default_writes(self, rule_id: int) -> list[str]:
        """Note a record of a rule of ``default``; return the profiles of which a publish names it."""
        self._of[rule_id] = DEFAULT_PROFILE
        return self._naming({rule_id}, DEFAULT_PROFILE)

    def publish(self, profile_id: str, version: int, ids: Iterable[int], of_default: Container[int]) -> list[str]:
        """Note a record that tells of a publish; return the other profiles of which a publish names some of its rules.

        ``of_default`` has the ids of the rules that ``default`` has.
        """
        before, known = self._named.get(profile_id, (version, _NONE))
        now = frozenset(ids)
        for rule_id in now - (known if before == version else _NONE):
            self._of[rule_id] = DEFAULT_PROFILE if rule_id in of_default else profile_id
        self._named[profile_id] = (version, now)
        return self._naming(now, profile_id)

    def unpublish(self, profile_id: str) -> None:
        """Note that nothing of a profile is published."""
        self._named.pop(profile_id, None)

    def has(self, profile_id: str, rule_id: int) -> bool:
        """Tell whether a rule that a publish of a profile names counts in it."""
        return self._of.get(rule_id) == profile_id

    def _naming(self, ids: Iterable[int], taker: str) -> list[str]:
        return [one for one, (_, named) in self._named.items() if one != taker and not named.isdisjoint(ids)]


_NONE: Final = frozenset[int]()
