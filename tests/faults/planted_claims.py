"""Bugs of who has a rule, planted in the reference that an engine runs on: ways to misread S31 and decision 0012."""

from collections.abc import Callable

from tests.faults import reference_books, reference_profiles, reference_step
from tests.faults.planted_decay_engine import Patches
from tests.faults.reference_profiles import Body, bodies_of
from tests.faults.reference_rules import Rulebook


def everywhere(wrong: Callable[[Rulebook, str], dict[int, Body]]) -> Patches:
    return [(module, "scoring_rules", wrong) for module in (reference_books, reference_profiles, reference_step)]


def goes_by_the_newest_record() -> Patches:
    """Lets a frozen rule count in the profile that its draft names, and without a draft wherever it is frozen."""

    def wrong(book: Rulebook, org: str) -> dict[int, Body]:
        drafts = book.rules.get(org, dict[int, Body]())
        found = {number: rule for number, rule in drafts.items() if rule.get("profileId", "default") == "default"}
        for profile, body in bodies_of(book, org).items():
            for rule in body.get("rules", []):
                newest = drafts[rule["id"]] if rule["id"] in drafts else rule
                if newest.get("profileId", "default") == profile:
                    found.setdefault(rule["id"], rule)
        return dict(sorted(found.items()))

    return everywhere(wrong)


def keeps_what_another_has_taken() -> Patches:
    """Lets a rule count in the first profile that ever took it, whoever publishes it since."""

    def wrong(book: Rulebook, org: str, kind: str, name: str, body: Body | None) -> dict[int, str]:
        return honest(book, org, kind, name, body) | book.takers.get(org, {})

    honest = reference_books.taken_by
    return [(reference_books, "taken_by", wrong)]


def takes_with_each_record() -> Patches:
    """Takes the record of a draft, which tells what is published beside it, for a publish."""

    def wrong(book: Rulebook, org: str, kind: str, name: str, body: Body | None) -> dict[int, str]:
        forgetful = Rulebook(book.rules, {org: {}}, book.clocks, book.takers)
        return honest(forgetful, org, kind, name, body)

    honest = reference_books.taken_by
    return [(reference_books, "taken_by", wrong)]


IN_ENGINE: list[tuple[Callable[[], Patches], set[str]]] = [
    (goes_by_the_newest_record, {"lost output", "wrong output"}), (keeps_what_another_has_taken, {"lost output"}),
    (takes_with_each_record, {"lost output"}),
]  # fmt: skip
