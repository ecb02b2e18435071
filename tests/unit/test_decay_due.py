"""When a decaying score is looked at next: no tick passed over, and no long way to it (S38, decision 0015)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.profiles import ProfileBody
from schemas.state import ProfileState
from schemas.times import DAY_MS
from stream_app.scoring import decay_due
from stream_app.scoring.decay import open_sums, shares, unclamped
from stream_app.scoring.half_life import NANO
from stream_app.scoring.profiles import ScoredProfile
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, fold
from tests.scoring_kit import T0, Fold, event, profile_record, rule_record

CANCELLING: list[dict[str, Any]] = [
    {"id": 1, "eventType": "email_open", "points": 10**6, "group": "g"},
    {"id": 2, "eventType": "email_click", "points": -(10**6)},
]
LINES = st.builds(
    lambda percent, days: {"percent": percent, "periodDays": days}, st.integers(2, 100), st.integers(1, 9)
)
HALVES = st.builds(lambda days: {"halfLifeDays": days}, st.integers(1, 40))
AWARDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([-40, -9, -1, 1, 5, 40]), st.integers(0, 9 * DAY_MS)), max_size=9
)
BOUNDS = st.tuples(st.sampled_from([None, 0, 7]), st.sampled_from([None, -5, -1]))


@pytest.mark.parametrize("groups", [[], [{"name": "g", "max": 10**6}], [{"name": "g", "max": 10**5, "min": 5}]])
@pytest.mark.parametrize("decay", [{"halfLifeDays": 36_500}, {"percent": 1, "periodDays": 365}])
def test_gains_and_losses_that_cancel_out_are_not_looked_at_day_by_day(
    decay: dict[str, int], groups: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [rule_record(n, **rule) for n, rule in enumerate(CANCELLING)]
    fold_ = Fold(fold(EMPTY_RULEBOOK, [*records, profile_record(2, decay=decay, groups=groups)]).rulebook)
    fold_.put(event())
    fold_.put(event("email_click", at=T0 - 7))
    looks = list[int]()

    def counted(profile: Any, sums: Any, fit: Any, at: int) -> Any:
        looks.append(at)
        return shares(profile, sums, fit, at)

    monkeypatch.setattr(decay_due, "shares", counted)
    assert fold_.contact is not None
    decay_due.next_move(fold_.book.org("1").profiles["default"], fold_.contact.core.profiles["default"])
    assert len(looks) < 200


@given(st.one_of(LINES, HALVES), AWARDS, st.lists(BOUNDS, max_size=2), st.sampled_from([None, -3, 2]))
def test_no_tick_is_passed_over_at_which_another_integer_is_shown(
    decay: dict[str, int], awards: list[tuple[str, int, int]], bounds: list[tuple[int | None, int | None]],
    floor: int | None,
) -> None:  # fmt: skip
    groups = [{"name": name, "max": most, "min": least} for name, (most, least) in zip("ab", bounds, strict=False)]
    profile = ScoredProfile("default", ProfileBody.model_validate({"decay": decay, "groups": groups, "floor": floor}))
    assert profile.decay is not None
    sums = open_sums(profile, profile.decay, ProfileState(), 0)
    for group, points, at in awards:
        sums.add(group, points * NANO, at)
    told = 9 * DAY_MS
    shown = profile.clamp(unclamped(profile, sums, {}, told))
    ticks = (told + number * DAY_MS for number in range(1, (sums.ends_at() - told) // DAY_MS + 3))
    first = next((at for at in ticks if profile.clamp(unclamped(profile, sums, {}, at)) != shown), None)
    assert decay_due.next_move(profile, ProfileState(shown=shown, decay=sums.kept(told))) == first
