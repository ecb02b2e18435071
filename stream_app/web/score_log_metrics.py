"""Figures of the score log, and of the ledger's audit over it, for Prometheus, read when scraped.

Laws: nothing is counted here.  Reads ScoreLog and LedgerAudit.
"""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream_app.reading.ledger_audit import LedgerAudit
from stream_app.reading.score_log import ScoreLog


class ScoreLogCollector(Collector):
    """Reads the logs of a worker at each scrape."""

    def __init__(self, log: ScoreLog) -> None:
        self._log = log

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        rows = GaugeMetricFamily("leadstream_score_log_rows", "Score changes on disk, about", labels=["partition"])
        lag = GaugeMetricFamily(
            "leadstream_score_log_lag_records", "Offsets of score-changed not on disk yet", labels=["partition"]
        )
        for figures in self._log.figures():
            rows.add_metric([str(figures.partition)], figures.rows)
            lag.add_metric([str(figures.partition)], figures.lag)
        yield from (rows, lag)
        for name, value, what in (
            ("read", self._log.read, "Records of score-changed read into local logs"),
            ("failures", self._log.failures, "Times that a local log could not be opened, read or written"),
        ):
            yield CounterMetricFamily(f"leadstream_score_log_{name}", what, value=value)


class LedgerCollector(Collector):
    """Reads a worker's audit at each scrape."""

    def __init__(self, audit: LedgerAudit) -> None:
        self._audit = audit

    def collect(self) -> Iterator[Metric]:
        """Yield both families."""
        points = GaugeMetricFamily(
            "leadstream_ledger_difference", "Points by which totals differ from the sum of awards: 0",
            labels=["partition"],
        )  # fmt: skip
        for partition, difference in self._audit.differences.items():
            points.add_metric([str(partition)], difference)
        yield points
        yield CounterMetricFamily(
            "leadstream_ledger_contacts_compared", "Contacts whose totals were compared with their awards",
            value=self._audit.compared,
        )  # fmt: skip
