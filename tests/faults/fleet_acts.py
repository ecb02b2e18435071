"""What one client of a fleet does to contacts, over and over: writes, reads its own writes at another worker, erases.

Laws: every answer is compared with the books at once; what is waited for is waited for with a limit and named.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.faults.fleet_asker import CONTACT, SCORE, Asker
from tests.faults.fleet_books import BUSY_CONTACTS, ORGS, PAID_NAME, PAID_POINTS, PAID_TYPE, Order, Quiet
from tests.faults.fleet_client import Told

ANYWHERE: Final = ("/accounting", "/scoring/rules", "/scoring/fires", "/contacts", "/scoring/profiles")


class Actor(Asker):
    """One client that acts."""

    def run(self, acts: "Acts", enough: Callable[[], bool]) -> None:
        """Act until it is enough."""
        chosen, weights = [act for act, _ in acts], [weight for _, weight in acts]
        while not enough() and not self.halted.is_set():
            self.random.choices(chosen, weights)[0](self)

    def adjust_quiet(self) -> None:
        with self.books.quiet(self.random) as contact:
            order = self.books.order(contact.org, contact.id, self.random.randint(-20, 40))
            once = self.once(f"key-{order.number}")
            told = self.send_order(order, once)
            contact.commands += 1
            if told is None:
                contact.settled = False
                return
            contact.award(order.points, order.reason)
            if told.status == 202:
                self.await_version(contact)
            elif told.status == 200:
                said = (told.data["newScore"], told.data["version"])
                self.same("newScore", f"{contact.org}:{contact.id}", said, (contact.score, contact.version))
                contact.last_command = told.data["commandId"]
                if once is not None and self.random.random() < 0.3:
                    self.repeat(order, once, told)
            self.look(contact, self.client.other(told.worker))

    def repeat(self, order: Order, once: str, first: Told) -> None:
        """Send an order again at another worker: the first answer; with another body: 422."""
        body: dict[str, Any] = {"points": order.points, "reason": order.reason}
        at = self.client.other(first.worker)
        told = self.write("POST", SCORE, order.org, body, once=once, id=order.contact, at=at)
        if told is not None:
            self.same("repeat", order.reason, (told.status, told.data), (200, first.data))
        told = self.write("POST", SCORE, order.org, body | {"points": order.points + 1}, once=once, id=order.contact)
        if told is not None:
            self.same("reused key", order.reason, (told.status, told.body["code"]), (422, "idempotency_key_reused"))

    def busy(self) -> tuple[str, str]:
        return self.random.choice(ORGS), str(self.random.randint(1, BUSY_CONTACTS))

    def adjust_busy(self) -> None:
        org, contact = self.busy()
        order, floor = self.books.order(org, contact, self.random.randint(-20, 40)), self.books.floor(org, contact)
        told = self.send_order(order, self.once(f"key-{order.number}"))
        if told is not None and told.status == 200:
            lowest = floor if told.maybe_acted else floor + 1
            self.books.seen(org, contact, lowest, told.data["version"], order.reason)
            self.read_busy(org, contact, self.client.other(told.worker))

    def read_any(self) -> None:
        if self.random.random() < 0.5:
            with self.books.quiet(self.random) as contact:
                self.look(contact)
        else:
            self.read_busy(*self.busy())

    def read_busy(self, org: str, contact: str, worker: int | None = None) -> None:
        floor = self.books.floor(org, contact)
        if self.random.random() < 0.6:
            told = self.read(SCORE, org, id=contact, at=worker, query=f"?limit={self.random.randint(1, 100)}")
            version = told.data["version"] if told.status == 200 else 0
        else:
            told = self.read(CONTACT, org, id=contact, at=worker)
            version = told.data["scores"][0]["version"] if told.status == 200 else 0
        self.books.seen(org, contact, floor, version, f"read at worker {told.worker}")

    def tags(self) -> None:
        with self.books.quiet(self.random) as contact:
            tag = f"tag {self.random.randrange(5)}/ü"
            contact.commands += 1
            if self.random.random() < 0.4:
                told = self.write("DELETE", "/contacts/{id}/tags/{tag}", contact.org, id=contact.id, tag=tag)
                allowed = {204, 202} if contact.exists else {404}
                contact.tags = [one for one in contact.tags if one != tag]
            else:
                once = self.once(f"tag-{self.random.getrandbits(60)}")
                told = self.write("POST", "/contacts/{id}/tags", contact.org, {"tag": tag}, once=once, id=contact.id)
                allowed = {201, 202}
                contact.tags = contact.tags if tag in contact.tags else [*contact.tags, tag]
                contact.exists = True
            self.settle(contact, told, allowed)

    def attributes(self) -> None:
        with self.books.quiet(self.random) as contact:
            contact.email = f"{self.random.getrandbits(40)}@example.com"
            contact.attributes = {"n": self.random.randrange(1000), "deep": {"list": [1, "zwei", None]}}
            contact.exists = True
            body = {"email": contact.email, "attributes": contact.attributes}
            told = self.write("PUT", "/contacts/{id}/attributes", contact.org, body, id=contact.id)
            self.settle(contact, told, {200, 202})

    def settle(self, contact: Quiet, told: Told | None, allowed: set[int]) -> None:
        """Judge the answer to a write and read it at another worker; what is open after a 202 is waited for."""
        if told is None:
            contact.settled = False
            return
        where = f"{contact.org}:{contact.id}"
        if told.status not in allowed:
            self.books.tally.find("wrong", "answer", where, f"{told.status} {told.body}, not {sorted(allowed)}")
        if told.status == 202:
            self.until(lambda: contact.wrong_whole(self.read(CONTACT, contact.org, id=contact.id)) == "", where)
        told = self.read(CONTACT, contact.org, id=contact.id, at=self.client.other(told.worker))
        self.same("contact", where, contact.wrong_whole(told), "")
        self.look(contact)

    def events(self) -> None:
        with self.books.quiet(self.random) as contact:
            name, number = f"post-{self.random.getrandbits(60)}", self.random.randint(1, 4)
            once = self.once(name)
            ids = [f"{name}/{index}" for index in range(number)]
            events: list[dict[str, Any]] = [{"contactId": contact.id, "type": PAID_TYPE} for _ in ids]
            if once is None:
                events = [{**event, "eventId": one} for event, one in zip(events, ids, strict=True)]
            told = self.write("POST", "/events", contact.org, {"events": events}, once=once)
            self.books.post(f"{contact.org}:{contact.id}", ids, "unknown" if told is None else "acknowledged")
            if told is None:
                contact.settled = False
                return
            self.same("posted events", name, (told.status, told.data), (202, {"accepted": number, "eventIds": ids}))
            for _ in ids:
                contact.award(PAID_POINTS, f"Rule: {PAID_NAME}")
            self.await_version(contact)
            self.look(contact)

    def erase(self) -> None:
        with self.books.quiet(self.random) as contact:
            allowed = {204, 202} if contact.exists else {404}
            told = self.write("DELETE", CONTACT, contact.org, id=contact.id)
            if told is not None and told.maybe_acted:
                allowed |= {404}
            contact.erase()
            self.settle(contact, told, allowed)

    def lookup(self) -> None:
        with self.books.quiet(self.random) as contact:
            org, busy = contact.org, [str(self.random.randint(1, BUSY_CONTACTS)) for _ in range(5)]
            floors = {one: self.books.floor(org, one) for one in busy}
            asked = {"contactIds": [contact.id, "nobody", *busy]}
            told = self.client.ask("POST", "/scores/lookup", self.keys[org, "read"], asked)
            if told is None:
                return
            found = {str(row["contactId"]): row for row in told.data["scores"]}
            missing = set(map(str, told.data["unknown"]))
            self.same("unknown", org, ({"nobody"} <= missing, contact.id in missing), (True, not contact.exists))
            if contact.exists and contact.id in found:
                row = found[contact.id]
                said, true = (row["leadScore"], row["version"]), (contact.score, contact.version)
                self.same("lookup", f"{org}:{contact.id}", said, true)
            for one, floor in floors.items():
                self.books.seen(org, one, floor, found[one]["version"] if one in found else 0, "lookup")

    def anywhere(self) -> None:
        path, org = self.random.choice(ANYWHERE), self.random.choice(ORGS)
        told = self.read(path, org)
        self.same("status", path, told.status, 200)

    def fate(self) -> None:
        with self.books.quiet(self.random) as contact:
            if contact.last_command is None:
                return
            told = self.read("/commands/{id}", contact.org, id=contact.last_command, query=f"?contactId={contact.id}")
            said = told.data["status"] if told.status == 200 else told.status
            self.same("fate", contact.last_command, said, "applied")


Acts = Sequence[tuple[Callable[[Actor], None], int]]
ACTS: Final[Acts] = (
    (Actor.adjust_quiet, 22), (Actor.adjust_busy, 22), (Actor.read_any, 18), (Actor.tags, 8), (Actor.attributes, 6),
    (Actor.events, 8), (Actor.erase, 4), (Actor.lookup, 6), (Actor.anywhere, 5), (Actor.fate, 4),
)  # fmt: skip
