"""The oracle knows whose a rule is: drafts move nothing, a publish takes what it names, for good (S31)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.authored import STAMP, kept
from tests.faults.oracle import check
from tests.faults.planted_claims import IN_ENGINE
from tests.faults.planted_decay_engine import Patches
from tests.faults.test_oracle_sweeps import Sweeps


class Moves(Sweeps):
    """Of the fit rules of suitability one moves to a draft, of one the draft goes, one is published in engagement."""

    def publish(self, place: tuple[str, int]) -> None:
        super().publish(place)
        newest = {entry.key: entry.value or b"" for entry in self.logs.of(*place)}
        moved, taken = (json.loads(newest[b"rule:1:%d" % number]) for number in (41, 40))
        self.append(place, *kept("rule", "1", moved | {"profileId": "idea"}, STAMP))
        self.append(place, b"rule:1:42", None)
        suitability, engagement = (json.loads(newest[b"profile:1:" + name]) for name in (b"suitability", b"engagement"))
        rules: list[Any] = [*engagement["published"]["rules"], taken | {"profileId": "engagement"}]
        published = engagement["published"] | {"rules": rules}
        self.append(place, *kept("profile", "1", engagement | {"version": 3, "published": published}, STAMP))
        self.append(place, *kept("profile", "1", suitability | {"draft": {"name": "Not yet"}}, STAMP))


def test_an_engine_that_knows_whose_a_rule_is_is_exact() -> None:
    verdict = check(Moves().run())
    assert verdict.ok, verdict.table()


@pytest.mark.parametrize(("plant", "found"), IN_ENGINE, ids=lambda value: getattr(value, "__name__", ""))
def test_an_engine_that_is_wrong_about_whose_a_rule_is_is_caught_and_named(
    plant: Callable[[], Patches], found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for owner, name, wrong in plant():
            patch.setattr(owner, name, wrong)
        logs = Moves().run()
    verdict = check(logs)
    assert found <= verdict.names, verdict.table()
