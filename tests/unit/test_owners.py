"""Who holds a partition: never a guess."""

import pytest

from stream_app.reading.owners import JOINING, SPLIT, At, Here, Members, Owners, Unknown, grouped

EVENTS, COMMANDS = "p.engagement", "p.commands"
OWN, OTHER = "http://10.0.0.1:6066", "http://10.0.0.2:6066"


class Group:
    def __init__(self, told: Members | None) -> None:
        self.told = told

    def members(self) -> Members | None:
        return self.told


def both(*numbers: int) -> dict[str, list[int]]:
    return {EVENTS: list(numbers), COMMANDS: list(numbers)}


def owners(told: Members | None, own_url: str = OWN) -> Owners:
    return Owners(Group(told), [EVENTS, COMMANDS], 3, own_url)


def test_each_partition_is_here_or_at_the_url_of_a_member() -> None:
    known = owners({OWN: both(0, 2), OTHER: both(1)})
    assert [known.of(p) for p in range(3)] == [Here(), At(OTHER), Here()]


@pytest.mark.parametrize("spelling", [OWN + "/", "http://10.0.0.1:06066", OWN])
def test_an_own_url_is_known_in_any_spelling(spelling: str) -> None:
    assert owners({OWN: both(0)}, spelling).of(0) == Here()


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (None, JOINING),
        ({}, SPLIT),
        ({OWN: both(1), OTHER: both(2)}, SPLIT),
        ({OWN: {EVENTS: [0]}, OTHER: {COMMANDS: [0]}}, SPLIT),
        ({OTHER: {EVENTS: [0]}}, SPLIT),
    ],
    ids=["joining", "nobody yet", "given to none", "sources at two members", "a source is missing"],
)
def test_what_is_not_known_is_unknown(told: Members | None, why: str) -> None:
    assert owners(told).of(0) == Unknown(0, why)


def test_a_new_assignment_counts_at_once() -> None:
    group = Group({OWN: both(0, 1, 2)})
    known = Owners(group, [EVENTS, COMMANDS], 3, OWN)
    assert known.of(1) == Here()
    group.told = None
    assert known.of(1) == Unknown(1, JOINING)
    group.told = {OWN: both(0), OTHER: both(1, 2)}
    assert known.of(1) == At(OTHER)


def test_partitions_are_grouped_by_owner_or_not_at_all() -> None:
    assert grouped(owners({OWN: both(0, 2), OTHER: both(1)}), range(3)) == {Here(): [0, 2], At(OTHER): [1]}
    assert grouped(owners({OWN: both(0, 2)}), range(3)) == Unknown(1, SPLIT)
    assert grouped(owners({OWN: both(0, 2)}), [2]) == {Here(): [2]}
