"""Whether every publish has reached every contact: a sweep that never began is in no journal.

Laws: where no sweep is owed (``sweep_order``), each contact goes by the clock rules in force, wherever there are any
(decision 0014), and each published profile shows what its limits, groups and formula make of what it has been paid (D1,
D15, S34, S35), one that decays of what it had left when it was last told or has now (S38); said of the reference's
contacts, which are compared with the stored ones elsewhere.
"""

from typing import TYPE_CHECKING

import msgspec

from schemas.journal import PARTITION_RECORD_KEY, PartitionRecord
from tests.faults.compare_state import last_changelog
from tests.faults.logs import Logs
from tests.faults.reference import Reference
from tests.faults.reference_contact import Contact
from tests.faults.reference_fading import Fading
from tests.faults.reference_ledger import Ledger
from tests.faults.reference_profiles import before_limits, bodies_of, half_up, limited, operands
from tests.faults.reference_rules import Rulebook
from tests.faults.verdict import Verdict

if TYPE_CHECKING:
    from tests.faults.journal_order import Standing


def compare_shown(logs: Logs, reference: Reference, standings: "dict[int, Standing]", verdict: Verdict) -> None:
    for partition, standing in standings.items():
        value = last_changelog(logs, partition).get(PARTITION_RECORD_KEY)
        if value is None or standing.owed is not None:
            continue
        if (sweep := msgspec.json.decode(value, type=PartitionRecord).sweep) is not None:
            verdict.add("wrong", "sweep", partition, f"{sweep} is under way by its record, and done by its journal")
        book = reference.book(standing.version)
        for key in sorted(reference.homes[partition]):
            org = key.decode().partition(":")[0]
            clock, knows = book.clock(org), reference.contacts[key]["silent"].knows
            if (clock.rules or clock.decays) and knows != clock.version:
                verdict.add("lost", "sweep", key.decode(), f"goes by clock rules of {knows}, not of {clock.version}")
            for profile, shown, wanted in stale_profiles(reference.contacts[key], book, org, standing.clock):
                verdict.add("lost", "sweep", f"{key.decode()}/{profile}", f"shows {shown}, should show {wanted}")


def stale_profiles(contact: Contact, book: Rulebook, org: str, clock: int) -> list[tuple[str, int, int]]:
    """(profile, what it shows, what it should show) where these differ; a profile that was never told of shows 0."""
    states, bodies = contact["profiles"], bodies_of(book, org)
    found: list[tuple[str, int, int]] = []
    for profile, body in bodies.items():
        shown, parts = states[profile]["shown"] if profile in states else 0, operands(body)
        if parts is None and profile in states and profile in book.clock(org).decays:
            wanted = told_or_now(Ledger(contact, book, org, clock).faded(profile, states[profile]), shown)
        elif parts is None:
            wanted = limited(body, before_limits(body, states[profile])) if profile in states else 0
        elif any(part in states for part in (profile, *parts)):
            scores = [states[part]["shown"] if part in states and part in bodies else 0 for part in parts]
            wanted = limited(body, half_up(sum(scores), len(scores)))
        else:
            wanted = 0
        if shown != wanted:
            found.append((profile, shown, wanted))
    return found


def told_or_now(fading: Fading, shown: int) -> int:
    """What a decaying profile should show: what was right when it was told may stand until its next due time."""
    was_right = fading.told is not None and fading.shows(fading.told) == shown
    return shown if was_right else fading.shows(fading.clock)
