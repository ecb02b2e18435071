"""Reads over HTTP at the end of a run: scores that decay, as any worker shows them at its partition's clock (D11).

Laws: a read names the version that it was told under; one of an earlier version than the logs end with is not
compared, for something came between; ``asOf`` is there exactly when the profile decays.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.faults.authored_decay import FADING_RULES
from tests.faults.harness import Worker
from tests.faults.reference import Reference
from tests.faults.reference_ledger import Ledger
from tests.faults.reference_values import parse_time
from tests.faults.verdict import Verdict

PROFILES = (*FADING_RULES, "default")


@dataclass(frozen=True)
class Read:
    """One answer: ``as_of`` in milliseconds, None where it said none."""

    key: str
    profile: str
    score: int
    version: int
    as_of: int | None


def read_scores(workers: Sequence[Worker], keys: Iterable[str], dice: Random) -> list[Read]:
    """Ask any worker for each contact's score in one profile; contacts and profiles that are not there are left out."""
    found: list[Read] = []
    for key in keys:
        (org, contact), profile = key.split(":"), dice.choice(PROFILES)
        path = f"/v1/contacts/{quote(contact)}/score?orgId={org}&profileId={profile}"
        status, text = dice.choice(workers).ask("GET", path)
        if status == 200:
            data: dict[str, Any] = json.loads(text)["data"]
            at = parse_time(data["asOf"]) if "asOf" in data else None
            found.append(Read(key, profile, data["leadScore"], data["version"], at))
    return found


def compare_reads(reference: Reference, reads: Iterable[Read], verdict: Verdict) -> None:
    newest = reference.book(max((offset + 1 for offset, _, _ in reference.config), default=0))
    for read in reads:
        contact, org = reference.contacts.get(read.key.encode()), read.key.split(":")[0]
        state = None if contact is None else contact["profiles"].get(read.profile)
        decays = read.profile in newest.clock(org).decays
        if decays != (read.as_of is not None):
            verdict.add("wrong", "answer", f"{read.key}/{read.profile}", f"asOf {read.as_of}, decays: {decays}")
        if contact is None or state is None or state["version"] != read.version or read.as_of is None:
            continue
        fading = Ledger(contact, newest, org, read.as_of).faded(read.profile, state)
        verdict.totals["reads of decaying scores"] += 1
        if fading.shows(fading.clock) != read.score:
            wanted = f"{read.score} instead of {fading.shows(fading.clock)} at {read.as_of}"
            verdict.add("wrong", "answer", f"{read.key}/{read.profile}", wanted)
