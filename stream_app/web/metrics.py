"""Figures of delivery and scoring for Prometheus, read from PartitionsView and ScoringCounters when scraped.

Laws: nothing is counted here; per-partition counters come from the partition record, so they survive a restart and
move with the partition.
"""

from collections.abc import Iterator, Mapping
from typing import Final, get_args

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream_app.delivery.status import PartitionPhase, PartitionStatus, PartitionsView
from stream_app.processing.handler import ScoringCounters

PHASES: Final[tuple[str, ...]] = get_args(PartitionPhase)
TOTALS: Final = {
    "batches": "Transactions committed by this process",
    "reopened": "Partitions opened again after an error",
    "chain_breaks": "Batches that did not start where the previous one ended",
    "fenced": "Times another worker took a partition over",
    "restored": "Changelog records read to restore partitions",
    "rebalances": "Rebalances of the consumer group",
}


def create_registry(partitions: PartitionsView, *more: Collector) -> CollectorRegistry:
    """Return a registry of its own with delivery's figures, the process's and those of other collectors."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    for collector in (PartitionsCollector(partitions), *more):
        registry.register(collector)
    return registry


class PartitionsCollector(Collector):
    """Reads a PartitionsView at each scrape."""

    def __init__(self, partitions: PartitionsView) -> None:
        self._partitions = partitions

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        counters = self._partitions.counters
        for name, what in TOTALS.items():
            yield CounterMetricFamily(f"leadstream_{name}", what, value=getattr(counters, name))
        statuses = self._partitions.statuses()
        yield from _sources(statuses)
        yield from _partitions(statuses)


class ScoringCollector(Collector):
    """Reads what scoring has counted in this process."""

    def __init__(self, counters: ScoringCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        capped, forgotten = self._counters.capped, self._counters.forgotten
        yield CounterMetricFamily("leadstream_rules_capped", "Rules that matched beyond their cap", value=capped)
        yield CounterMetricFamily(
            "leadstream_once_values_forgotten", "Values that memories of rules with oncePer let go", value=forgotten
        )


class ForwardedCollector(Collector):
    """Reads how many requests to other workers ended in which way."""

    def __init__(self, results: Mapping[str, int]) -> None:
        self._results = results

    def collect(self) -> Iterator[Metric]:
        """Yield the one family."""
        family = CounterMetricFamily("leadstream_forwarded_requests", "Requests to other workers", labels=["result"])
        for result, number in self._results.items():
            family.add_metric([result], number)
        yield family


def _sources(statuses: list[PartitionStatus]) -> Iterator[Metric]:
    where = ["topic", "partition"]
    records = CounterMetricFamily("leadstream_records", "Input records by outcome", labels=[*where, "outcome"])
    gaps = CounterMetricFamily("leadstream_gaps", "Offsets without a record: markers, compaction", labels=where)
    position = GaugeMetricFamily("leadstream_position", "Next input offset", labels=where)
    lag = GaugeMetricFamily("leadstream_lag_records", "Unread input offsets", labels=where)
    for status in statuses:
        partition = str(status.partition)
        for topic, counted in status.counters.items():
            for outcome in ("applied", "duplicate", "no_effect", "dead_letter"):
                records.add_metric([topic, partition, outcome], getattr(counted, outcome))
            gaps.add_metric([topic, partition], counted.gaps)
        for topic, offset in status.sources.items():
            position.add_metric([topic, partition], offset)
        for topic, unread in status.lag.items():
            lag.add_metric([topic, partition], unread)
    yield from (records, gaps, position, lag)


def _partitions(statuses: list[PartitionStatus]) -> Iterator[Metric]:
    phase = GaugeMetricFamily("leadstream_partition_phase", "1 for the phase it is in", labels=["partition", "phase"])
    clock = GaugeMetricFamily("leadstream_partition_clock_seconds", "The partition's clock", labels=["partition"])
    seq = GaugeMetricFamily("leadstream_partition_batch", "Number of its last batch", labels=["partition"])
    version = GaugeMetricFamily("leadstream_rulebook_version", "Rulebook version applied", labels=["partition"])
    for status in statuses:
        partition = str(status.partition)
        for name in PHASES:
            phase.add_metric([partition, name], float(name == status.phase))
        if not status.sources:  # not open: nothing is known of it
            continue
        clock.add_metric([partition], status.clock / 1000)
        seq.add_metric([partition], status.seq)
        version.add_metric([partition], status.version)
    yield from (phase, clock, seq, version)
