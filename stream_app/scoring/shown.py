"""What the profiles of a contact show once a cause has paid into them (S35, D20).

Laws: formulas come after what they are made of; a score of a profile that is not published counts as 0 where another
asks for it, and one that this cause does not touch as it was last told.
"""

from collections.abc import Mapping

from schemas.state import ProfileState
from stream_app.scoring.account import Account
from stream_app.scoring.contact import NEW_PROFILE
from stream_app.scoring.org_rules import OrgRules

States = Mapping[str, ProfileState]


def shown_now(accounts: Mapping[str, Account], states: States, org: OrgRules, *, everything: bool) -> dict[str, int]:
    """Return what those profiles show that got an award or show another score, formulas last.

    ``everything`` asks formulas too of whose operands none has moved.
    """
    shown: dict[str, int] = {}
    for profile_id, account in accounts.items():
        now = account.shown
        if account.awards or now != account.state.shown:
            shown[profile_id] = now
    for profile in org.formulas:
        operands = profile.operands or ()
        known = everything and any(one in states for one in (profile.id, *operands))
        if known or any(operand in shown for operand in operands):
            average = profile.average([score_of(operand, shown, states, org) for operand in operands])
            if average != states.get(profile.id, NEW_PROFILE).shown:
                shown[profile.id] = average
    return shown


def score_of(profile_id: str, shown: Mapping[str, int], states: States, org: OrgRules) -> int:
    """Return what a profile shows now; ``shown`` holds those that have moved."""
    if profile_id not in org.profiles:
        return 0
    return shown[profile_id] if profile_id in shown else states.get(profile_id, NEW_PROFILE).shown
