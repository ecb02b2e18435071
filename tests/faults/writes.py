"""Writes over HTTP during a run: adjustments, each with an Idempotency-Key, repeated until they are acknowledged.

Laws: a write goes to any worker, and again to any other while it is not answered with 200; contacts are the writers'
own, so nobody else erases what they remember; one that is acknowledged must be in the outputs exactly once, with the
score that was answered.
"""

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.faults.authored import ORGS
from tests.faults.harness import Worker
from tests.faults.logs import Logs
from tests.faults.verdict import Verdict

CONTACTS = 40
AGAIN = {0, 202, 429, 502, 503, 504}
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Acknowledged:
    contact: str
    command_id: str
    points: int
    score: int


@dataclass
class Writers(threading.Thread):
    """One writer that asks the given workers; ``per_second`` may be changed while it runs."""

    workers: list[Worker]
    seed: int
    per_second: float = 2.0
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    repeats: int = 0
    halted: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name="writers", daemon=True)
        self.random = Random(self.seed)  # noqa: S311 - a repeatable load

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        number = 0
        while self.workers and not self.halted.wait(1 / self.per_second):
            number += 1
            self.write(number)

    def write(self, number: int) -> None:
        org, contact = self.random.choice(ORGS), f"w{self.random.randrange(CONTACTS)}"
        points = self.random.randint(-5, 9)
        path = f"/v1/contacts/{contact}/score?orgId={org}"
        body = json.dumps({"points": points, "reason": f"write {number}"}).encode()
        while not self.halted.is_set():
            status, text = self.random.choice(self.workers).ask("POST", path, body, f"w{self.seed}-{number}")
            if status == 200:
                said: dict[str, Any] = json.loads(text)["data"]
                done = Acknowledged(f"{org}:{contact}", said["commandId"], said["pointsAdded"], said["newScore"])
                self.acknowledged.append(done)
                if done.points != points:
                    self.refused.append(f"{path}: {points} points, answered {text!r}")
                return
            if status not in AGAIN:
                self.refused.append(f"{path}: {status} {text[:300]!r}")
                return
            self.repeats += 1
            time.sleep(PAUSE_SECONDS)

    def halt(self) -> None:
        self.halted.set()
        if self.is_alive():
            self.join(20)


def compare_writes(logs: Logs, writers: Writers, verdict: Verdict) -> None:
    """Every acknowledged write has exactly one ScoreChanged of its profile, with the score of its answer."""
    scores: dict[str, list[int]] = defaultdict(list)
    for partition in range(logs.partitions):
        for entry in logs.of(logs.topic("score-changed"), partition):
            body = json.loads(entry.value) if entry.value else {}
            command = body.get("cause", {}).get("commandId")
            if command and body["profileId"] == "default":
                scores[command].append(body["score"])
    verdict.totals["acknowledged writes"] = len(writers.acknowledged)
    for write in writers.acknowledged:
        found = scores.get(write.command_id, [])
        if not found:
            verdict.add("lost", "write", write.contact, f"{write.command_id} was acknowledged and did nothing")
        elif len(found) > 1:
            verdict.add("double", "write", write.contact, f"{write.command_id} acted {len(found)} times")
        elif found[0] != write.score:
            verdict.add("wrong", "write", write.contact, f"{write.command_id} answered {write.score}, made {found[0]}")
    for text in writers.refused:
        verdict.add("wrong", "write", "HTTP", text)
