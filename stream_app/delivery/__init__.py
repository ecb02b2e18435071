"""Exactly once for Faust: one Kafka transaction per batch of one partition.  Knows nothing of scoring."""

from stream_app.delivery.application import ExactlyOnceApp
from stream_app.delivery.handler import Batch, Committed, Dated, Effects, Handler, Outcomes, Output, Record, Work
from stream_app.delivery.job import Job
from stream_app.delivery.probe import Probe
from stream_app.delivery.status import DeliveryCounters, PartitionStatus, PartitionsView
from stream_app.delivery.stores import MemoryStore, Store

__all__ = [
    "Batch",
    "Committed",
    "Dated",
    "DeliveryCounters",
    "Effects",
    "ExactlyOnceApp",
    "Handler",
    "Job",
    "MemoryStore",
    "Outcomes",
    "Output",
    "PartitionStatus",
    "PartitionsView",
    "Probe",
    "Record",
    "Store",
    "Work",
]
