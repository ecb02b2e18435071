"""Every fault by its name: a new one is a row here and a function.

Laws: a fault that cannot happen in a run says why in one sentence; the seconds are a guess, for choosing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.faults.deployment import Options
from tests.faults.faults_of_brokers import broker_down, broker_kill, broker_term, start_without_broker
from tests.faults.faults_of_data import oversized, poison_flood, rules_edited, stuck_partition
from tests.faults.faults_of_stores import disk_full, may_mount, store_deleted, store_newer, store_stale
from tests.faults.faults_of_workers import (
    KillAt,
    KillOpening,
    burst,
    ingest_kill,
    join_leave,
    kill,
    kill_rebalance,
    partition_count,
    rest_writes,
    rolling_upgrade,
    term,
    zombie,
)  # fmt: skip
from tests.faults.injections import Field

Room = Literal["kill", "worker", "broker", "store", "data"]
Need = Callable[[Options], str]


def nothing(options: Options) -> str:
    return ""


def own_broker(options: Options) -> str:
    return "" if options.bootstrap is None else "a broker that is not embedded is left alone"


def disk_store(options: Options) -> str:
    return "" if options.store == "rocksdb" else "there are no local stores without --store rocksdb"


def small_disk(options: Options) -> str:
    return disk_store(options) or ("" if may_mount() else "only root may mount a small disk")


def others(options: Options) -> str:
    return "" if options.workers > 1 else "nobody else takes over what a single frozen worker has"


def other_version(options: Options) -> str:
    return "" if options.other else "--other PATH must name a checkout of another version"


def all_may_end(options: Options) -> str:
    return "a soak spares worker 0" if options.soak else ""


def engine(options: Options) -> str:
    return "" if not options.reference else "the reference has neither HTTP, ingest nor edited rules"


@dataclass(frozen=True)
class Fault:
    strike: Callable[[Field], None]
    room: Room
    seconds: float
    why_not: Need = nothing


FAULTS: Mapping[str, Fault] = {
    "kill": Fault(kill, "kill", 15),
    "kill-sending": Fault(KillAt("kill-sending", "sending"), "kill", 15),
    "kill-sent": Fault(KillAt("kill-sent", "sent"), "kill", 15),
    "kill-committing": Fault(KillAt("kill-committing", "committing"), "kill", 15),
    "kill-committed": Fault(KillAt("kill-committed", "committed"), "kill", 15),
    "kill-merging": Fault(KillAt("kill-merging", "merging"), "kill", 15),
    "kill-opening": Fault(KillOpening("kill-opening", "fenced"), "kill", 20),
    "kill-restoring": Fault(KillOpening("kill-restoring", "loaded"), "kill", 20),
    "kill-rebalance": Fault(kill_rebalance, "kill", 30),
    "ingest-kill": Fault(ingest_kill, "kill", 15, engine),
    "burst": Fault(burst, "worker", 20, all_may_end),
    "term": Fault(term, "worker", 10),
    "zombie": Fault(zombie, "worker", 25, others),
    "join-leave": Fault(join_leave, "worker", 20),
    "rolling-upgrade": Fault(rolling_upgrade, "worker", 45, other_version),
    "broker-kill": Fault(broker_kill, "broker", 12, own_broker),
    "broker-term": Fault(broker_term, "broker", 12, own_broker),
    "broker-down": Fault(broker_down, "broker", 85, own_broker),
    "start-without-broker": Fault(start_without_broker, "broker", 25, own_broker),
    "store-deleted": Fault(store_deleted, "store", 15),
    "store-stale": Fault(store_stale, "store", 35, disk_store),
    "store-newer": Fault(store_newer, "store", 15, disk_store),
    "disk-full": Fault(disk_full, "store", 40, small_disk),
    "poison-flood": Fault(poison_flood, "data", 75),
    "oversized": Fault(oversized, "data", 5),
    "rules-edited": Fault(rules_edited, "data", 10, engine),
    "stuck-partition": Fault(stuck_partition, "data", 45, all_may_end),
    "partition-count": Fault(partition_count, "data", 8, engine),
    "rest-writes": Fault(rest_writes, "data", 20, engine),
}


def usable(names: list[str], options: Options) -> tuple[list[str], dict[str, str]]:
    """Those of the names that can happen, and why the others cannot."""
    reasons = {name: FAULTS[name].why_not(options) for name in names}
    return [name for name in names if not reasons[name]], {name: why for name, why in reasons.items() if why}
