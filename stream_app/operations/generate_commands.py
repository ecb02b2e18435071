"""`leadstream generate`: sends a made-up load into the topics and says what Kafka acknowledged.

Laws: the same seed and shares send the same records; the topics must exist with the partition count of the settings;
what to say goes to standard output, a progress bar to standard error and only on a terminal.
Reads the settings; writes engagement, commands and contacts.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import click

from stream_app.operations import generator
from stream_app.operations.command_settings import echo_json, run_with, with_settings
from stream_app.operations.option_types import ORG, FiniteRange
from stream_app.operations.progress import progress_bar
from stream_app.operations.replay import Acknowledged, Outgoing, Pace, Progress, open_producer, replay
from stream_app.settings import Settings, declared_topics, kafka_client_arguments
from topics.declarations import ENGAGEMENT, TopicSpec

SHARE: Final = FiniteRange(0, 1)


@dataclass(frozen=True, slots=True)
class Load:
    """What was asked for; ``shape`` holds fields of generator.Shape."""

    seed: int
    contacts: int
    events: int
    shape: dict[str, Any]

    def records(self, names: dict[str, str]) -> Iterator[Outgoing]:
        """Yield the records under their topics' full names."""
        for part, key, value in generator.generate(self.seed, self.contacts, self.events, **self.shape):
            yield Outgoing(names[part], key, value)

    def expected(self) -> int:
        """Return about how many records that makes."""
        on_top = self.shape["commands_share"] + self.shape["attributes_share"]
        return round(self.events * (1 + on_top))


@click.command()
@with_settings("partitions", "engagement_topics")
@click.option("--events", type=click.IntRange(min=0), default=100_000, show_default=True, help="Engagement records.")
@click.option("--contacts", type=click.IntRange(min=1), default=10_000, show_default=True, help="Different contacts.")
@click.option("--org", "orgs", type=ORG, multiple=True, default=("1",), show_default=True, help="May be repeated.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same load.")
@click.option("--skew", type=FiniteRange(min=0), default=1.0, show_default=True, help="0: all contacts alike.")
@click.option("--rate", type=FiniteRange(0, min_open=True), help="Records a second; default: as fast as it goes.")
@click.option("--bad-share", type=SHARE, default=0.0, show_default=True, help="Share of records that are broken.")
@click.option("--duplicate-share", type=SHARE, default=0.02, show_default=True, help="Share of repeated records.")
@click.option("--commands-share", type=SHARE, default=0.0, show_default=True, help="Commands for each event.")
@click.option("--attributes-share", type=SHARE, default=0.0, show_default=True, help="Attributes for each event.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def generate(
    settings: Settings, events: int, contacts: int, seed: int, rate: float | None, as_json: bool, **shape: Any
) -> None:
    """Send a made-up load of events, commands and attributes."""
    load = Load(seed, contacts, events, shape)
    started = time.monotonic()
    with progress_bar(load.expected(), "sent") as progress:
        sending = _send(load, settings, Pace(per_second=rate), progress)
        acknowledged = run_with(settings, list(_topics(settings).values()), sending)
    _report(load, acknowledged, time.monotonic() - started, as_json)


async def _send(load: Load, settings: Settings, pace: Pace, progress: Progress | None) -> Acknowledged:
    names = {part: spec.name for part, spec in _topics(settings).items()}
    async with open_producer(**kafka_client_arguments(settings)) as producer:
        return await replay(load.records(names), producer, settings.partitions, pace, progress)


def _topics(settings: Settings) -> dict[str, TopicSpec]:
    """Return the topics by the last parts that the generator says."""
    topics = declared_topics(settings)
    return {
        ENGAGEMENT: (topics.keyed or topics.engagement)[0],
        generator.COMMANDS: topics.commands,
        generator.CONTACTS: topics.contacts,
    }


def _report(load: Load, acknowledged: Acknowledged, seconds: float, as_json: bool) -> None:
    topics: dict[str, int] = {}
    for place, count in sorted(acknowledged.items()):
        topics[place.topic] = topics.get(place.topic, 0) + count
    total = acknowledged.total()
    if as_json:
        facts = {"seed": load.seed, "records": total, "topics": topics, "seconds": round(seconds, 3)}
        echo_json(facts)
        return
    click.echo(f"{total} records acknowledged in {seconds:.1f} s (seed {load.seed})")
    for topic, count in topics.items():
        click.echo(f"  {topic}: {count}")
