"""Fit rules: paid while their condition holds, taken back when it stops (S36, D24).

Laws: what a rule pays now is remembered, so an edit pays the difference and a deletion takes everything back; its fire
count does not move.
"""

from schemas.authored import Rule
from schemas.conditions import Condition
from stream_app.scoring.conditions import Known, asks_at_every_input, compile_condition, scores_asked


class FitRule:
    """One live fit rule.

    ``watchful`` tells that every input and due time asks it, not only what changes facts (D24); ``scores`` are the
    profiles whose scores it asks for.
    """

    __slots__ = ("_holds", "_points", "group", "id", "name", "profile_id", "scores", "watchful")

    def __init__(self, rule: Rule, condition: Condition) -> None:
        self.id = rule.id
        self.name = rule.name
        self.profile_id = rule.profile_id
        self.group = rule.group
        self.watchful = asks_at_every_input(condition)
        self.scores = scores_asked(condition)
        self._points = rule.points
        self._holds = compile_condition(condition)

    def worth(self, known: Known) -> int:
        """Return the points that it pays of what is known: all or 0."""
        return self._points if self._holds(known) else 0


def fit_reason(name: str, worth: int, paid: int) -> str:
    """Return what an award of a fit rule is for, from ``paid`` to ``worth`` points."""
    return f"{'Taken back' if worth == 0 else 'Changed' if paid else 'Rule'}: {name}"
