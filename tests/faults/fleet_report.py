"""What a fleet campaign is asked for, and what it says in the end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.deployment import Options
from tests.faults.fleet_client import Tally
from tests.faults.verdict import Verdict


def three(store: str = "memory", *, static: bool = False) -> Options:
    """Three workers, two partitions each."""
    return Options(partitions=6, workers=3, static=static, store=store, session_seconds=6)


@dataclass
class Plan:
    """What a campaign does; ``per_second`` is the load of events beside the requests."""

    requests: int = 10_000
    kills: int = 6
    backlog: int = 300_000
    clients: int = 8
    per_second: int = 200
    seed: int = 1
    options: Options = field(default_factory=three)


@dataclass
class Report:
    plan: Plan
    tally: Tally
    kills: list[str] = field(default_factory=list)
    backlog: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0
    slowest: dict[str, float] = field(default_factory=dict)
    retired: int = 0
    exit_codes: list[int] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        return self.tally.verdict

    def as_dict(self) -> dict[str, Any]:
        options, tally = self.plan.options, self.tally
        return {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seed": self.plan.seed, "store": options.store,
            "static": options.static, "workers": options.workers, "partitions": options.partitions,
            "answers": tally.answers, "seconds": round(self.seconds, 1), "kills": self.kills,
            "statuses": dict(sorted(tally.statuses.items())), "routes": dict(sorted(tally.routes.items())),
            "connections": dict(tally.events), "setAside": self.retired, "backlog": self.backlog,
            "slowestSeconds": {what: round(took, 3) for what, took in self.slowest.items()},
            "exitCodes": self.exit_codes, "verdict": self.verdict.as_dict(),
        }  # fmt: skip

    def table(self) -> str:
        shown = {name: value for name, value in self.as_dict().items() if name not in ("verdict", "routes")}
        return "\n".join([*(f"{name:<16}{value}" for name, value in shown.items()), self.verdict.table()])


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return median, p99 and the most, in milliseconds."""
    if not seconds:
        return {}
    places = {"p50Ms": len(seconds) // 2, "p99Ms": min(len(seconds) - 1, len(seconds) * 99 // 100), "maxMs": -1}
    return {name: round(seconds[place] * 1000, 1) for name, place in places.items()}
