"""How one client of a fleet asks: reads and writes whose answers are compared with the books at once.

Laws: what is waited for is waited for with a limit and named.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.faults.fleet_books import Books, Order, Quiet
from tests.faults.fleet_client import Client, Told

SHOWN_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 0.05
SCORE, CONTACT = "/contacts/{id}/score", "/contacts/{id}"


@dataclass
class Asker:
    """One client; ``keys`` are API keys by (org, scope)."""

    books: Books
    client: Client
    keys: dict[tuple[str, str], str]
    random: Random
    halted: threading.Event

    def write(self, method: str, path: str, org: str, body: Any = None, **more: Any) -> Told | None:
        return self.client.ask(method, path, self.keys[org, "write"], body, **more)

    def read(self, path: str, org: str, **more: Any) -> Told:
        """Read; an answer must come, for reading is safe to repeat."""
        told = self.client.ask("GET", path, self.keys[org, "read"], **more)
        return Told(0, None, {}, 0, 0, False) if told is None else told

    def same(self, what: str, where: object, said: Any, true: Any) -> None:
        if said != true:
            self.books.tally.find("wrong", "answer", where, f"{what}: {said} instead of {true}")

    def once(self, text: str) -> str | None:
        return text if self.random.random() < 0.5 else None

    def until(self, shown: Callable[[], bool], what: str) -> None:
        """Wait until something is shown; a finding when it is not in time."""
        ends = time.monotonic() + SHOWN_SECONDS
        while not shown():
            if time.monotonic() > ends:
                self.books.tally.find("lost", "write", what, f"not shown in {SHOWN_SECONDS:.0f} s")
                return
            self.halted.wait(PAUSE_SECONDS)

    def look(self, contact: Quiet, worker: int | None = None) -> None:
        """Read a quiet contact, both ways, and compare."""
        told = self.read(SCORE, contact.org, id=contact.id, at=worker)
        self.same("score", f"{contact.org}:{contact.id}", contact.wrong_score(told), "")
        if self.random.random() < 0.4:
            told = self.read(CONTACT, contact.org, id=contact.id)
            self.same("contact", f"{contact.org}:{contact.id}", contact.wrong_whole(told), "")

    def await_version(self, contact: Quiet) -> None:
        """Wait until the version that must come is read, and never a later one."""

        def shown() -> bool:
            told = self.read(SCORE, contact.org, id=contact.id)
            version = told.data["version"] if told.status == 200 else 0
            if version > contact.version:
                self.same("version", contact.id, version, contact.version)
            return version >= contact.version

        self.until(shown, f"{contact.org}:{contact.id} version {contact.version}")

    def send_order(self, order: Order, once: str | None) -> Told | None:
        """Send an order and take its fate into the books; the answer when it acted at once."""
        body = {"points": order.points, "reason": order.reason}
        told = self.write("POST", SCORE, order.org, body, once=once, id=order.contact)
        where = f"{order.org}:{order.contact} {order.reason}"
        if told is None:
            order.state = "unknown"
            return None
        order.state = "acknowledged"
        if told.status == 200:
            self.same("pointsAdded", where, told.data["pointsAdded"], order.points)
        elif told.status != 202:
            self.books.tally.find("wrong", "answer", where, f"{told.status} {told.body}")
        return told
