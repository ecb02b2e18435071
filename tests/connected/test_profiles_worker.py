"""Profiles on a real worker: a draft scores nothing, a publish does, and each way back is seen in the outputs."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.connected import counter_fleet
from tests.connected.leadstream_process import Leadstream, deployment, run
from tests.connected.rest_client import Rest

PARTITIONS = 2
FIT = "/v1/scoring/profiles/fit"
OPEN = {"name": "Opened", "eventType": "email_open", "points": 5}
CLICK = {"name": "Clicked", "eventType": "email_click", "points": 40}
CONTACTS = [f"c-{number}" for number in range(6)]


class Deployed:
    """One worker, asked over HTTP, and the command line beside it."""

    def __init__(self, worker: Leadstream) -> None:
        self.worker, self.rest = worker, Rest(worker)

    def send(self, kind: str) -> None:
        events = [{"contactId": contact, "type": kind} for contact in CONTACTS]
        assert self.rest("POST", "/v1/events", {"events": events}).status == 202

    def score(self, contact: str, profile_id: str) -> int | None:
        answer = self.rest("GET", f"/v1/contacts/{contact}/score?profileId={profile_id}")
        return answer.body["data"]["leadScore"] if answer.status == 200 else None

    def reach(self, default: int, fit: int | None) -> None:
        """Wait until every contact is shown these scores."""
        wanted = {(default, fit)}
        self.worker.until(
            lambda: {(self.score(contact, "default"), self.score(contact, "fit")) for contact in CONTACTS} == wanted,
            f"{wanted}", 20,
        )  # fmt: skip

    def say(self, *words: str) -> Any:
        done = run("profiles", *words, "--org", "1", "--json", settings=self.worker.settings)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def changes(self) -> list[dict[str, Any]]:
        """What was told of fit: all changes so far, in order of their version."""
        settings = self.worker.settings
        topic = f"{settings['PREFIX']}.score-changed"
        rows = asyncio.run(counter_fleet.read_all(str(settings["BOOTSTRAP_SERVERS"]), topic, PARTITIONS))
        told = [json.loads(row.value) for row in rows if row.value is not None]
        return sorted((one for one in told if one["profileId"] == "fit"), key=lambda one: one["version"])


@pytest.fixture
def made(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Deployed]:
    own = deployment(broker.bootstrap, scratch_prefix, PARTITIONS)
    with Leadstream(tmp_path, "worker", **own) as worker:
        worker.until_ready()
        yield Deployed(worker)


def test_S31_S33_D15_a_profile_lives_from_its_draft_to_its_end(made: Deployed) -> None:
    rest, began = made.rest, time.monotonic()
    rest.data("PUT", "/v1/scoring/profiles/default", {"rules": [{**OPEN, "points": 1}]})
    rest.data("POST", "/v1/scoring/profiles", {"id": "fit", "thresholds": [30], "rules": [OPEN, CLICK]})
    made.send("email_open")
    made.reach(1, None)
    assert rest("POST", f"/v1/contacts/{CONTACTS[0]}/score", {"points": 1, "profileId": "fit"}).status == 400

    rest.data("POST", f"{FIT}/publish")
    made.reach(1, 0)  # what came during the draft is not scored later
    made.send("email_open")
    made.send("email_click")
    made.reach(2, 45)

    rest.data("PUT", FIT, {"thresholds": [30], "ceiling": 20})
    made.send("email_open")
    made.reach(3, 50)  # an edit of the draft changes nothing
    version = rest("POST", f"{FIT}/publish").headers["leadstream-rulebook-version"]
    made.reach(3, 20)
    swept = [change for change in made.changes() if change["cause"]["kind"] == "config"]
    assert {change["id"] for change in swept} == {f"config-{version}-1-{contact}/fit" for contact in CONTACTS}
    assert {(change["previousScore"], change["score"], len(change["awards"])) for change in swept} == {(50, 20, 0)}

    back = rest.data("POST", f"{FIT}/rollback", {"version": 1})
    assert (back["version"], back["status"], back["ceiling"]) == (3, "published", None)
    made.reach(3, 50)
    adjusted = rest.data("POST", f"/v1/contacts/{CONTACTS[0]}/score", {"points": 7, "profileId": "fit"})
    assert (adjusted["pointsAdded"], adjusted["newScore"], adjusted["profileId"]) == (7, 57, "fit")
    rest.data("POST", f"/v1/contacts/{CONTACTS[0]}/score", {"points": -7, "profileId": "fit"})
    rest.data("POST", f"{FIT}/unpublish")
    made.send("email_open")
    made.reach(4, 50)  # scores stay

    # the command line does the same
    assert [one["version"] for one in made.say("versions", "fit")] == [3, 2, 1]
    assert made.say("rollback", "fit", "2", "--yes")["profile"]["version"] == 4
    made.reach(4, 20)
    made.say("unpublish", "fit", "--yes")
    made.say("publish", "fit")
    rest.data("PUT", FIT, {"name": "Thrown away"})
    assert made.say("discard", "fit", "--yes")["profile"]["ceiling"] == 20
    made.send("email_open")
    made.reach(5, 20)
    kept = rest.data("GET", FIT)
    assert (kept["status"], kept["version"], kept["thresholds"]) == ("published", 5, [30])
    assert time.monotonic() - began < 60
