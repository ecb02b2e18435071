"""Reads over HTTP at the end of a run: scores as any worker shows them, of contacts that there are and that there never
were.

Laws: every answer is judged: a 404 is right where the contact or the profile is not there, a score where both are, and
nothing else that persists.  A read names the version that it was told under: none is above the logs'; one below is
stale unless all that came later is the clock's, which goes on while reads are made, or a publish's that came after the
read.  Of that version it shows what was told, a score that decays what it is at its ``asOf`` (D11), which is there
exactly when the profile decays; one that decays and was told again since is not compared, for its sums have moved on.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.faults.authored_decay import FADING_RULES
from tests.faults.authored_profiles import OWN
from tests.faults.harness import Worker
from tests.faults.logs import Logs
from tests.faults.reference import Reference
from tests.faults.reference_contact import Contact
from tests.faults.reference_ledger import Ledger
from tests.faults.reference_profiles import bodies_of
from tests.faults.reference_rules import Rulebook
from tests.faults.reference_values import parse_time
from tests.faults.verdict import Verdict

PROFILES = (*FADING_RULES, "default", *OWN, "nowhere")
NOT_NOW = (0, 429, 502, 503, 504)
PATIENCE_SECONDS = 60.0  # for all reads together
PAUSE_SECONDS = 0.5
UNDER_WAY_MS = 5_000  # from an output's append until its batch is committed and shown


@dataclass(frozen=True)
class Read:
    """One answer: ``as_of`` in milliseconds, None where it said none; ``asked_ms`` by the harness's clock."""

    key: str
    profile: str
    score: int = 0
    version: int = 0
    as_of: int | None = None
    status: int = 200
    asked_ms: int = 0


def read_scores(workers: Sequence[Worker], keys: Iterable[str], dice: Random) -> list[Read]:
    """Ask any worker for each contact's score in one profile, again while it cannot answer now."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    return [read_score(workers, key, dice.choice(PROFILES), dice, deadline) for key in keys]


def read_score(workers: Sequence[Worker], key: str, profile: str, dice: Random, deadline: float) -> Read:
    org, contact = key.split(":")
    path = f"/v1/contacts/{quote(contact)}/score?orgId={org}&profileId={profile}"
    while True:
        asked = int(time.time() * 1000)
        status, text = dice.choice(workers).ask("GET", path)
        if status not in NOT_NOW or time.monotonic() > deadline:
            break
        time.sleep(PAUSE_SECONDS)
    if status != 200:
        return Read(key, profile, status=status, asked_ms=asked)
    data: dict[str, Any] = json.loads(text)["data"]
    at = parse_time(data["asOf"]) if "asOf" in data else None
    return Read(key, profile, data["leadScore"], data["version"], at, asked_ms=asked)


@dataclass(frozen=True)
class Told:
    """One ScoreChanged of a profile, as the reference has told it; when it was appended."""

    version: int
    score: int
    kind: str
    at: int


def compare_reads(logs: Logs, reference: Reference, reads: Iterable[Read], verdict: Verdict) -> None:
    newest = reference.book(max((offset + 1 for offset, _, _ in reference.config), default=0))
    asked = list(reads)
    told = told_of(logs, reference, {(read.key, read.profile) for read in asked})
    for read in asked:
        verdict.totals["reads"] += 1
        org, contact = read.key.split(":")[0], reference.contacts.get(read.key.encode())
        where, published = f"{read.key}/{read.profile}", read.profile in bodies_of(newest, org)
        state = None if contact is None else contact["profiles"].get(read.profile)
        if read.status == 404:
            if contact is not None and (published or (state is not None and state["version"])):
                verdict.add("lost", "answer", where, "404, and it is there")
        elif read.status != 200:
            verdict.add("wrong", "answer", where, f"status {read.status}")
        elif contact is None or (state is None and not published):
            verdict.add("wrong", "answer", where, f"{read.score} is invented: there is no such contact or profile")
        else:
            decays = read.profile in newest.clock(org).decays
            if decays != (read.as_of is not None):
                verdict.add("wrong", "answer", where, f"asOf {read.as_of}, decays: {decays}")
            elif compare_version(read, told.get((read.key, read.profile), []), where, verdict):
                compare_score(read, contact, newest, told.get((read.key, read.profile), []), verdict)


def told_of(logs: Logs, reference: Reference, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], list[Told]]:
    """What was told of the profiles that were read, since the contact's last tombstone, in order."""
    times = {
        json.loads(entry.value)["id"]: entry.timestamp
        for partition in range(logs.partitions)
        for entry in logs.of(logs.topic("score-changed"), partition)
        if entry.value is not None
    }
    found: dict[tuple[str, str], list[Told]] = {}
    for key, body in reference.outputs["score-changed"]:
        if body is None:
            for one in [one for one in found if one[0] == key.decode()]:
                del found[one]
        elif (place := (key.decode(), body["profileId"])) in wanted:
            one = Told(body["version"], body["score"], body["cause"]["kind"], times.get(body["id"], 0))
            found.setdefault(place, []).append(one)
    return found


def compare_version(read: Read, told: list[Told], where: str, verdict: Verdict) -> bool:
    """Whether the answer is of a version that it may be of."""
    last = told[-1].version if told else 0
    if read.version > last:
        verdict.add("wrong", "answer", where, f"version {read.version} is ahead of the logs' {last}")
        return False
    later = [one for one in told if one.version > read.version]
    missed = [
        one for one in later
        if one.kind != "clock" and not (one.kind == "config" and one.at > read.asked_ms - UNDER_WAY_MS)
    ]  # fmt: skip
    if missed:
        verdict.add("stale", "answer", where, f"version {read.version} after {missed[0]}")
    return not missed


def compare_score(read: Read, contact: Contact, book: Rulebook, told: list[Told], verdict: Verdict) -> None:
    where = f"{read.key}/{read.profile}"
    if read.as_of is None:
        verdict.totals["reads of plain scores"] += 1
        wanted = next((one.score for one in told if one.version == read.version), 0)
    elif read.version == (told[-1].version if told else 0):
        verdict.totals["reads of decaying scores"] += 1
        wanted = 0  # of a profile that never paid the contact, whatever its limits (decision 0012)
        if (state := contact["profiles"].get(read.profile)) is not None:
            fading = Ledger(contact, book, read.key.split(":")[0], read.as_of).faded(read.profile, state)
            wanted = fading.shows(fading.clock)
    else:
        return
    if read.score != wanted:
        at = "" if read.as_of is None else f" at {read.as_of}"
        verdict.add("wrong", "answer", where, f"{read.score} instead of {wanted}{at}")
