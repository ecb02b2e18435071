"""Two orgs on one deployment: nothing of the second is in any answer, live stream, output or log line of the first.

Everything that org B writes has a text of its own, a canary. Org A then asks every route of the table with every kind
of key that it may have, with B's ids in every place, over two workers, one of which logs at debug. A text that A itself
has sent may come back to it, and nothing else. Log lines hold no contact's data and no key of anybody.
"""

import asyncio
import http.client
import json
import re
import signal
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from confluent_kafka import Producer

from schemas.ids import contact_key
from stream_app.processing.placement import partition_of
from stream_app.web.route import Route
from stream_app.web.routes import ROUTES
from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.leadstream_process import KEY, Leadstream, run
from tests.contract.test_guard_matrix import BODIES, QUERIES

PARTITIONS = 2
OUTPUTS = (
    "score-changed", "threshold-crossed", "label-changed", "segment-changed", "trigger-fired", "program-moved",
    "dead-letters",
)  # fmt: skip
SHOWN = (
    "email",
    "attribute",
    "value",
    "tag",
    "reason",
    "rule",
    "description",
    "category",
    "site",
    "property",
    "profile",
)
TOLD_TO_PRODUCERS = ("event", "payload", "key_name")


class Org:
    """One org and the texts that only it knows: ``texts`` by what they are, ``ids`` what its objects are called."""

    def __init__(self, name: str, workers: list[Leadstream]) -> None:
        self.name, self.workers = name, workers
        words = (*SHOWN, *TOLD_TO_PRODUCERS, "contact", "idempotency", "type")
        self.texts = {word: f"canary_{word}_{uuid.uuid4().hex[:12]}" for word in words}
        self.ids: dict[str, str] = {"contact": self.texts["contact"]}
        self.keys: dict[str, str] = {}

    def make(self, scope: str, **more: Any) -> str:
        """Make a key and wait until both workers know it; return its id."""
        status, body = self.workers[0].ask("POST", "/v1/keys", {"orgId": self.name, "scope": scope, **more})
        assert status == 201, body
        self.keys["sites" if "sites" in more else scope] = text = body["data"]["key"]
        for worker in self.workers:
            worker.until(lambda w=worker: w.get("/v1/accounting", key=text)[0] == 200, "the key is known")
        return body["data"]["id"]

    def ask(self, method: str, path: str, body: Any, **headers: str) -> Any:
        answer = send(self.workers[0], method, path, self.keys["admin"], json.dumps(body).encode(), headers)
        assert 200 <= answer.status < 300, answer
        return json.loads(answer.text.partition("\n\n")[2] or "null")

    def settle(self) -> None:
        """Write a contact, a rule, a threshold, a command, an event and two dead letters, all with texts of its own."""
        texts, contact = self.texts, f"/v1/contacts/{self.texts['contact']}"
        self.ids["key"] = self.make("admin", name=texts["key_name"])
        rule = {
            "name": texts["rule"], "description": texts["description"], "category": texts["category"], "points": 7,
            "eventType": texts["type"], "siteId": texts["site"],
            "eventFilter": {texts["property"]: texts["property"]},
        }  # fmt: skip
        self.ids["rule"] = str(self.ask("POST", "/v1/scoring/rules", rule)["data"]["id"])
        self.ask("PUT", "/v1/scoring/profiles/default", {"name": texts["profile"], "thresholds": [5]})
        attributes = {"email": f"{texts['email']}@example.com", "attributes": {texts["attribute"]: texts["value"]}}
        self.ask("PUT", f"{contact}/attributes", attributes)
        self.ask("POST", f"{contact}/tags", {"tag": texts["tag"]})
        order = {"points": 3, "reason": texts["reason"]}
        given = self.ask("POST", f"{contact}/score", order, **{"Idempotency-Key": texts["idempotency"]})
        self.ids["command"] = given["data"]["commandId"]
        event = {
            "contactId": texts["contact"], "type": texts["type"], "siteId": texts["site"], "eventId": texts["event"],
            "properties": {texts["property"]: texts["property"]},
        }  # fmt: skip
        self.ask("POST", "/v1/events", event)
        self.bury()
        first = self.workers[0]
        first.until(lambda: first.get(f"{contact}/score", key=self.keys["admin"])[1]["data"]["leadScore"] == 10, "paid")

    def bury(self) -> None:
        """Send an event that is no JSON, and one that is no event."""
        settings = self.workers[0].settings
        key = contact_key(self.name, self.texts["contact"])
        producer = Producer({"bootstrap.servers": settings["BOOTSTRAP_SERVERS"]})
        for value in (f'{{"{self.texts["payload"]}', json.dumps({"orgId": self.name, "x": self.texts["payload"]})):
            producer.produce(f"{settings['PREFIX']}.engagement", value, key, partition=partition_of(key, PARTITIONS))
        assert producer.flush(30) == 0

    @property
    def secrets(self) -> list[str]:
        """What no log line may hold: its texts, and the secret part of its keys."""
        return [*self.texts.values(), *(text.rpartition("_")[2] for text in self.keys.values())]


@dataclass(frozen=True)
class Answer:
    """Status, and status line, headers and body as one text."""

    status: int
    text: str


def send(
    worker: Leadstream, method: str, path: str, key: str | None, body: bytes | None, headers: Mapping[str, str]
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", int(str(worker.port)), timeout=30)
    sent = {**headers} if key is None else {"Authorization": f"Bearer {key}", **headers}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return Answer(answer.status, f"{answer.reason}\n{answer.headers.as_string()}{answer.read().decode()}")
    finally:
        connection.close()


class Listener(threading.Thread):
    """Records a live stream until its worker ends."""

    def __init__(self, worker: Leadstream, key: str) -> None:
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", int(str(worker.port)), timeout=60)
        self.connection.request("GET", "/v1/stream?last=500", headers={"Authorization": f"Bearer {key}"})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        self.text = ""

    def run(self) -> None:
        try:
            while line := self.answer.readline():
                self.text += line.decode()
        except (OSError, http.client.HTTPException):
            return  # the worker ended
        finally:
            self.connection.close()


@pytest.fixture
def workers(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[list[Leadstream]]:
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix,
        "PARTITIONS": PARTITIONS, "RATE_LIMIT_PER_SECOND": 1_000_000,
    }  # fmt: skip
    assert run("topics", "apply", "--yes", settings=own).returncode == 0
    with ExitStack() as stack:
        made = [
            stack.enter_context(Leadstream(tmp_path / level, "worker", **own, LOG_LEVEL=level))
            for level in ("debug", "info")
        ]
        for worker in made:
            worker.until(
                lambda w=worker: len((w.get("/ready")[1] or {}).get("data", {}).get("partitions", [])) == 1, "1"
            )
        yield made


def requests(route: Route, ids: Mapping[str, str], org: str | None = None) -> Iterator[tuple[str, bytes | None]]:
    """Every target and body of a route with these ids in every place; ``org`` is asked for by name."""
    body = BODIES.get((route.method, route.path))
    text = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    sent = None if text is None else text.replace(b"42", ids["contact"].encode())
    query = {name: ids["contact"] for name in QUERIES.get(route.path, {})} | ({"orgId": org} if org else {})
    for one in ids.values() if "{" in route.path else [""]:
        path = re.sub(r"\{\w+\}", lambda _, one=one: quote(one, safe=""), route.path)
        yield path + (f"?{urlencode(query)}" if query else ""), sent


def everything(route: Route, ours: Org, theirs: Org) -> Iterator[tuple[str | None, str, bytes | None]]:
    """Key, target and body of all that A asks of a route; those without a valid key ask for one thing only."""
    first = {"contact": theirs.ids["contact"]}
    for key in (None, "ls_x_garbage", ours.keys["revoked"]):
        yield from ((key, *asked) for asked in requests(route, first))
    for scope in ("read", "write", "admin", "sites"):
        yield from ((ours.keys[scope], *asked) for asked in requests(route, theirs.ids))
    yield from ((ours.keys["admin"], *asked) for asked in requests(route, first, theirs.name))
    yield from ((ours.keys["admin"], *asked) for asked in requests(route, ours.ids))


def headers_of(route: Route, number: int) -> dict[str, str]:
    csv = isinstance(BODIES.get((route.method, route.path)), bytes)
    once = {"Idempotency-Key": f"once-{number}"} if route.idempotent and number % 2 else {}
    return once | ({"Content-Type": "text/csv"} if csv else {})


def ask_everything(ours: Org, theirs: Org) -> int:
    """Ask every route with every key, B's ids and ours in every place; fail where a text of B comes back unsent."""
    reads = [route for route in ROUTES if route.method == "GET" and route.path != "/stream"]
    writes = [route for route in ROUTES if route.method != "GET"]
    told, number = "", 0
    for route in [*reads, *writes, *reads]:
        address = route.addresses()[number % len(route.addresses())].removesuffix(route.path)
        for key, target, body in everything(route, ours, theirs):
            number += 1
            worker = ours.workers[number % len(ours.workers)]
            answer = send(worker, route.method, address + target, key, body, headers_of(route, number))
            told += f"{target} {'' if body is None else body.decode()}\n"
            found = [text for text in theirs.texts.values() if text in answer.text and text not in told]
            assert not found, f"{route.method} {target}: {answer.text}"
            assert answer.status < 500 or answer.status == 503, f"{route.method} {target}: {answer.text}"
    return number


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_nothing_of_another_org_is_seen_and_no_log_line_holds_data_or_keys(workers: list[Leadstream]) -> None:
    ours, theirs = Org("a-org", workers), Org("b-org", workers)
    theirs.settle()
    ours.settle()
    revoked = ours.make("write")
    ours.keys["revoked"] = ours.keys["write"]
    for scope in ("read", "write"):
        ours.make(scope)
    ours.make("admin", sites=["9"])
    assert workers[1].ask("DELETE", f"/v1/keys/{revoked}")[0] == 204
    streams = [Listener(worker, ours.keys["read"]) for worker in workers]
    for stream in streams:
        stream.start()
    theirs.ask("POST", f"/v1/contacts/{theirs.texts['contact']}/score", {"points": 1, "reason": theirs.texts["reason"]})
    seen_by_themselves = "".join(
        send(workers[0], "GET", path, theirs.keys["admin"], None, {}).text
        for path in (f"/v1/contacts/{theirs.ids['contact']}", f"/v1/contacts/{theirs.ids['contact']}/score",
                     "/v1/scoring/rules", "/v1/scoring/profiles/default")
    )  # fmt: skip
    assert [word for word in SHOWN if theirs.texts[word] not in seen_by_themselves] == []
    assert ask_everything(ours, theirs) > 300
    workers[0].until(lambda: all(ours.texts["reason"] in stream.text for stream in streams), "the stream shows our own")
    assert [worker.ended(signal.SIGTERM, 30) for worker in workers] == [0, 0]
    for stream in streams:
        stream.join(30)
        own = [block for block in stream.text.split("\n\n") if "data: " in block]
        assert [text for text in theirs.texts.values() if text in stream.text and text != theirs.ids["contact"]] == []
        assert f'"orgId":"{theirs.name}"' not in "".join(own)
    outputs_hold_only_their_own(ours, theirs)
    for worker in workers:
        log = worker.log
        assert "leadstream" in log or "stream_app" in log
        leaked = [text for org in (ours, theirs) for text in (*org.secrets, KEY) if text in log]
        lines = [line[:300] for line in log.splitlines() if any(text in line for text in leaked)]
        assert leaked == [], lines[:5]


def outputs_hold_only_their_own(ours: Org, theirs: Org) -> None:
    """Read every output: what is keyed for A has no text of B, and both have their own."""
    settings = ours.workers[0].settings
    found = {org.name: "" for org in (ours, theirs)}
    for topic in OUTPUTS:
        name = f"{settings['PREFIX']}.{topic}"
        for row in asyncio.run(fleet_of.read_all(str(settings["BOOTSTRAP_SERVERS"]), name, PARTITIONS)):
            org = (row.key or b"").decode().partition(":")[0]
            found[org] += f"{row.value!r} {row.headers!r}\n"
    of_both = [word for word in ("reason", "rule", "event", "payload") if theirs.texts[word] not in found[theirs.name]]
    assert of_both == [] and all(
        ours.texts[word] in found[ours.name] for word in ("reason", "rule", "event", "payload")
    )
    unsent = {word: text for word, text in theirs.texts.items() if word != "contact"}
    assert [word for word, text in unsent.items() if text in found[ours.name]] == []
