"""What the clients of a fleet know to be true: orders, posted events, rules, and contacts that only they write to.

Laws: a Quiet contact is held by one client at a time and written by nobody else, so every field of it is known exactly;
of a busy one, which the load writes too, every answer's version is at least that of any answer that ended before it was
asked; a contact whose last write may or may not have happened is set aside, and its logs alone are judged.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal

from tests.faults.fleet_client import Tally, Told

State = Literal["asked", "acknowledged", "unknown"]
ORGS: Final = ("red", "blue")
QUIET_CONTACTS: Final = 60
BUSY_CONTACTS: Final = 40
MAX_COMMANDS: Final = 200  # of one contact: beyond 256 an Idempotency-Key acts again (decision 0008)
PAID_TYPE, PAID_POINTS, PAID_NAME = "fleet_paid", 3, "Paid by the fleet"


@dataclass
class Order:
    """One POST of a score; its reason is found again in the ledger."""

    number: int
    org: str
    contact: str
    points: int
    state: State = "asked"

    @property
    def reason(self) -> str:
        return f"order {self.number}"


@dataclass
class Quiet:
    """A contact that one client at a time writes to, and nobody else."""

    org: str
    id: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    settled: bool = True
    exists: bool = False
    version: int = 0
    log: list[tuple[int, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    email: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    commands: int = 0
    last_command: str | None = None

    @property
    def score(self) -> int:
        return sum(points for points, _ in self.log)

    def award(self, points: int, reason: str) -> None:
        self.exists = True
        self.version += 1
        self.log.append((points, reason))

    def erase(self) -> None:
        self.exists, self.version, self.commands, self.last_command = False, 0, 0, None
        self.log, self.tags, self.email, self.attributes = [], [], None, {}

    def wrong_score(self, told: Told) -> str:
        """Say how an answer of GET score differs from what is known; "" when it does not."""
        if not self.exists or told.status != 200:
            return "" if (told.status == 404) != self.exists else f"{told.status} {told.body}, exists: {self.exists}"
        data = told.data
        said = (data["leadScore"], data["version"], data["awards"], data["email"])
        true = (self.score, self.version, {"count": len(self.log), "points": self.score}, self.email)
        if said != true:
            return f"{said} instead of {true}"
        rows = [(row["id"], row["points"], row["reason"]) for row in data["logs"]]
        known = [(number, *award) for number, award in enumerate(self.log, 1)][::-1]
        whole = rows == known[: len(rows)] and (not data["complete"] or len(rows) == min(20, len(known)))
        return "" if whole else f"rows {rows} instead of {known[:20]}"

    def wrong_whole(self, told: Told) -> str:
        """Say how an answer of GET contact differs from what is known; "" when it does not."""
        if not self.exists or told.status != 200:
            return "" if (told.status == 404) != self.exists else f"{told.status} {told.body}, exists: {self.exists}"
        data = told.data
        said = (data["leadScore"], data["tags"], data["email"], data["attributes"])
        true = (self.score, self.tags, self.email, self.attributes)
        return "" if said == true else f"{said} instead of {true}"


@dataclass
class Rule:
    """A rule that the fleet made; ``points`` None: deleted; ``state`` is that of its creation."""

    org: str
    name: str
    points: int | None
    state: State = "asked"
    id: int | None = None


class Books:
    """Everything known, shared by all clients."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.lock = threading.Lock()
        self.orders: list[Order] = []
        self.events: dict[str, tuple[str, State]] = {}
        self.rules: list[Rule] = []
        self.floors: dict[tuple[str, str], int] = {}
        self.contacts = [Quiet(org, f"quiet-{n}") for n in range(QUIET_CONTACTS) for org in ORGS]
        self.retired: list[Quiet] = []
        self.finals: dict[tuple[str, str], tuple[int, int]] = {}
        self.slowest: dict[str, float] = {}

    def order(self, org: str, contact: str, points: int) -> Order:
        with self.lock:
            made = Order(len(self.orders), org, contact, points)
            self.orders.append(made)
        return made

    def rule(self, org: str, points: int) -> Rule:
        with self.lock:
            made = Rule(org, f"Rule {len(self.rules)} of the fleet", points)
            self.rules.append(made)
        return made

    def post(self, contact_key: str, event_ids: list[str], state: State) -> None:
        with self.lock:
            self.events |= {event_id: (contact_key, state) for event_id in event_ids}

    @contextmanager
    def quiet(self, random: Random) -> Iterator[Quiet]:
        """Hold a quiet contact; one that is not settled, or has had many commands, makes room for a new one."""
        while True:
            with self.lock:
                place = random.randrange(len(self.contacts))
                contact = self.contacts[place]
            if contact.lock.acquire(blocking=False):
                break
        try:
            yield contact
        finally:
            if not contact.settled or contact.commands > MAX_COMMANDS:
                with self.lock:
                    self.retired.append(contact)
                    self.contacts[place] = Quiet(contact.org, f"quiet-{len(self.contacts) + len(self.retired)}")
            contact.lock.release()

    def floor(self, org: str, contact: str) -> int:
        with self.lock:
            return self.floors.get((org, contact), 0)

    def seen(self, org: str, contact: str, floor: int, version: int, what: str) -> None:
        """Take the version of an answer; ``floor`` is what was known when it was asked for."""
        if version < floor:
            self.tally.find("stale", "answer", f"{org}:{contact}", f"{what}: version {version} after {floor}")
        with self.lock:
            self.floors[org, contact] = max(version, self.floors.get((org, contact), 0))

    def took(self, what: str, seconds: float) -> None:
        """Keep the longest time that something took."""
        with self.lock:
            self.slowest[what] = max(seconds, self.slowest.get(what, 0))
