"""Ingest's figures for Prometheus, read from RekeyView when scraped.

Laws: nothing is counted here; what is told of a source partition stands beside its committed offset, so it survives a
restart and moves with the partition.
"""

from collections.abc import Iterator
from typing import Final, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream_app.delivery.rekey import RekeyPhase, RekeyStatus, RekeyView

PHASES: Final[tuple[str, ...]] = get_args(RekeyPhase)
TOTALS: Final = {
    "batches": "Transactions that ingest committed in this process",
    "reopened": "Source partitions opened again after an error",
    "fenced": "Times another worker took a source partition over",
    "rebalances": "Rebalances of the group of ingest",
}
WHERE: Final = ["topic", "partition"]


class IngestCollector(Collector):
    """Reads a RekeyView at each scrape."""

    def __init__(self, ingest: RekeyView) -> None:
        self._ingest = ingest

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        counters = self._ingest.counters
        for name, what in TOTALS.items():
            yield CounterMetricFamily(f"leadstream_ingest_{name}", what, value=getattr(counters, name))
        statuses = self._ingest.statuses()
        yield _phases(statuses)
        yield from _records(statuses)


def _phases(statuses: list[RekeyStatus]) -> Metric:
    phase = GaugeMetricFamily("leadstream_ingest_phase", "1 for the phase it is in", labels=[*WHERE, "phase"])
    for status in statuses:
        for name in PHASES:
            phase.add_metric([status.topic, str(status.partition), name], float(name == status.phase))
    return phase


def _records(statuses: list[RekeyStatus]) -> Iterator[Metric]:
    records = CounterMetricFamily("leadstream_ingest_records", "Records by outcome", labels=[*WHERE, "outcome"])
    gaps = CounterMetricFamily("leadstream_ingest_gaps", "Offsets without a record: markers, compaction", labels=WHERE)
    position = GaugeMetricFamily("leadstream_ingest_position", "Next offset to re-key", labels=WHERE)
    lag = GaugeMetricFamily("leadstream_ingest_lag_records", "Offsets that are not re-keyed yet", labels=WHERE)
    for status in statuses:
        where = [status.topic, str(status.partition)]
        if status.position is None or status.progress is None:
            continue
        records.add_metric([*where, "rekeyed"], status.progress.rekeyed)
        records.add_metric([*where, "dead_letter"], status.progress.dead_letter)
        gaps.add_metric(where, status.progress.gaps)
        position.add_metric(where, status.position)
        lag.add_metric(where, status.lag)
    yield from (records, gaps, position, lag)
