"""``/live``, ``/ready`` and ``/metrics``: how the worker and its partitions are.

Laws: only the probes are open; ``/ready`` is 200 exactly when Readiness gives no reason against it.
Reads PartitionsView at the moment of asking; keeps nothing.
"""

from typing import Any, Final, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from stream_app.delivery.rekey import RekeyStatus
from stream_app.delivery.status import PartitionStatus, PartitionsView
from stream_app.web.answers import data
from stream_app.web.problems import Problem
from stream_app.web.route import Route


class Readiness(Protocol):
    """Whether this worker can do its work."""

    def why_not(self) -> str | None:
        """Return why not, a sentence; None when it is ready."""
        ...


class Ready:
    """Holds a Readiness for the application (an AppKey needs a class)."""

    def __init__(self, readiness: Readiness) -> None:
        self.why_not = readiness.why_not


READY: Final = web.AppKey("ready", Ready)
PARTITIONS: Final[web.AppKey[PartitionsView]] = web.AppKey("partitions")
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)


async def get_live(_: web.Request) -> web.Response:
    """Answer that the process lives."""
    return data({"live": True})


async def get_ready(request: web.Request) -> web.Response:
    """Answer whether the worker is ready, and the phase of every partition."""
    partitions = [phase_body(status) for status in request.app[PARTITIONS].statuses()]
    why = request.app[READY].why_not()
    if why is not None:
        headers = {"Retry-After": "1"}
        raise Problem(503, "not_ready", why, headers=headers, more={"ready": False, "partitions": partitions})
    return data({"ready": True, "partitions": partitions})


async def get_metrics(request: web.Request) -> web.Response:
    """Answer in the Prometheus text format, or OpenMetrics when asked for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(request.app[REGISTRY]), headers={"Content-Type": content_type})


def phase_body(status: PartitionStatus | RekeyStatus) -> dict[str, Any]:
    """Return a partition's phase; ``why`` is null while it runs."""
    return {"partition": status.partition, "phase": status.phase, "why": status.why or None}


ROUTES: Final = (
    Route(method="GET", path="/live", handler=get_live, scope="open", at_root=True, summary="Whether it lives"),
    Route(
        method="GET", path="/ready", handler=get_ready, scope="open", at_root=True, statuses=(200, 503),
        summary="Whether the worker can do its work, and the phase of every partition",
    ),
    Route(
        method="GET", path="/metrics", handler=get_metrics, scope="read", at_root=True, produces="text/plain",
        summary="Prometheus metrics",
    ),
)  # fmt: skip
