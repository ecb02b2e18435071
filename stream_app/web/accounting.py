"""``GET /accounting``: where every record of every source partition that this worker holds ended.

Laws: per row ``to - from = applied + duplicate + noEffect + rekeyed + deadLetter + gaps``, whatever its role; all of it
is committed; a partition that is not open yet has no row, and its phase stands in ``meta``.
Reads PartitionsView and RekeyView at the moment of asking; keeps nothing.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from aiohttp import web

from stream_app.delivery.rekey import RekeyStatus, RekeyView
from stream_app.delivery.status import PartitionStatus
from stream_app.web.answers import data
from stream_app.web.probes import PARTITIONS, phase_body
from stream_app.web.route import Route
from topics.declarations import Topics

SourceRole = Literal["commands", "contacts", "keyed", "any", "rekeyed"]


class Roles(dict[str, SourceRole]):
    """What each source topic is, by its full name (an AppKey needs a class)."""

    @classmethod
    def of(cls, topics: Topics) -> "Roles":
        """Return the roles of an installation's topics."""
        roles = cls({topics.commands.name: "commands", topics.contacts.name: "contacts"})
        roles.update(dict.fromkeys((spec.name for spec in topics.keyed), "keyed"))
        roles.update(dict.fromkeys((spec.name for spec in topics.unkeyed), "any"))
        roles[topics.rekeyed.name] = "rekeyed"
        return roles


INGEST: Final[web.AppKey[RekeyView]] = web.AppKey("ingest")
ROLES: Final = web.AppKey("roles", Roles)


async def get_accounting(request: web.Request) -> web.Response:
    """Answer per source partition: offsets, records by outcome, gaps; and how each held partition is."""
    view, roles = request.app[PARTITIONS], request.app[ROLES]
    statuses, rekeyed = view.statuses(), request.app[INGEST].statuses()
    rows = [row for status in statuses for row in scored_rows(status, roles)]
    rows += [row for status in rekeyed for row in rekeyed_rows(status, roles)]
    held = [
        {**phase_body(s), "seq": s.seq, "clock": s.clock, "rulebookVersion": s.version, "lag": sum(s.lag.values())}
        for s in statuses
    ]
    ingest = [{"topic": s.topic, **phase_body(s), "lag": s.lag} for s in rekeyed]
    return data(rows, meta={"partitionCount": view.partition_count, "partitions": held, "ingest": ingest})


def scored_rows(status: PartitionStatus, roles: Mapping[str, SourceRole]) -> list[dict[str, Any]]:
    """Return one row per source topic of a partition, by topic; a topic that is no source any more has no role."""
    return [
        {
            "topic": topic,
            "partition": status.partition,
            "role": roles.get(topic),
            "from": counters.start,
            "to": status.sources.get(topic, counters.start),
            "applied": counters.applied,
            "duplicate": counters.duplicate,
            "noEffect": counters.no_effect,
            "rekeyed": 0,
            "deadLetter": counters.dead_letter,
            "gaps": counters.gaps,
            "lag": status.lag.get(topic, 0),
        }
        for topic, counters in sorted(status.counters.items())
    ]


def rekeyed_rows(status: RekeyStatus, roles: Mapping[str, SourceRole]) -> list[dict[str, Any]]:
    """Return the row of a source partition that ingest reads; none before it is open."""
    progress = status.progress
    if progress is None:
        return []
    return [
        {
            "topic": status.topic,
            "partition": status.partition,
            "role": roles.get(status.topic),
            "from": progress.start,
            "to": status.position,
            "applied": 0,
            "duplicate": 0,
            "noEffect": 0,
            "rekeyed": progress.rekeyed,
            "deadLetter": progress.dead_letter,
            "gaps": progress.gaps,
            "lag": status.lag,
        }
    ]


ROUTES: Final = (
    Route(
        method="GET", path="/accounting", handler=get_accounting, scope="read", many=True,
        summary="Per source partition of this worker: offsets, records by outcome, gaps",
    ),
)  # fmt: skip
