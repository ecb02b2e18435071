"""What a change of rules does to contacts without an input of their own (D15, D24).

Laws: only a publish that can move what is shown asks for a sweep; a contact that is shown what it should be gets no
output and stays the same object; ids come from the rulebook version, so that each contact is told once a version.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.outputs import ConfigCause
from schemas.times import format_time
from stream_app.scoring.accounts import Accounts
from stream_app.scoring.alarm import fresh
from stream_app.scoring.contact import Contact
from stream_app.scoring.due import rearmed
from stream_app.scoring.ledger import Occasion, Output
from stream_app.scoring.rulebook import Rulebook

CONFIG: Final = ConfigCause()


def shown_may_move(before: Rulebook, now: Rulebook) -> bool:
    """Tell whether a contact may be shown something else under a later rulebook."""
    return any(org.sweeps(before.org(org_id)) for org_id, org in now.orgs.items())


def asks_facts(org_id: str, rulebook: Rulebook) -> bool:
    """Tell whether `sweep` needs a contact's facts."""
    return bool(rulebook.org(org_id).fit)


def sweep(
    contact: Contact, org_id: str, contact_id: str, rulebook: Rulebook, clock: int
) -> tuple[Contact, Sequence[Output]]:
    """Return a contact as it is shown under a rulebook, the same object when nothing moves, and what is told of it.

    Its alarm then goes by the clock rules in force.
    """
    org = rulebook.org(org_id)
    accounts = Accounts(contact.core, org, clock, clock)
    accounts.open_all(fresh=fresh(contact.core, org))
    accounts.fit(contact.facts, every=True)
    occasion = Occasion(
        f"config-{rulebook.version}-{org_id}-{contact_id}", org_id, None, contact_id, CONFIG, format_time(clock),
        rulebook.version,
    )  # fmt: skip
    core, outputs = accounts.settle(occasion)
    after = contact if core is contact.core else msgspec.structs.replace(contact, core=core)
    return rearmed(contact, after, org_id, rulebook, clock), outputs
