"""`leadstream demo`: broker, topics, rules, worker and a replay of real orders, from nothing to a moving page.

Laws: Ctrl-C or SIGTERM at any moment ends everything that was started, with exit code 0; what is kept lives in the
folder ``demo`` of the data directory, which one demo at a time may use, and a later demo goes on where it ended;
``--fresh`` asks before it deletes that, unless ``--yes``; rules and thresholds are put only where org 1 has none.  What
to say goes to standard output, progress to standard error.
Reads and writes: that folder, the user's cache, the topics.
"""

import os
import sys
import time
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import click

from stream_app.operations.command_settings import echo_json, run_bounded, with_settings
from stream_app.operations.option_types import FiniteRange
from stream_app.setting_values import url_host
from stream_app.settings import Settings, declared_topics, effective

ORG: Final = "1"
PER_SECOND: Final = 200.0
GROUP_SECONDS: Final = 30.0
DEMO_SETTINGS: Final = ("partitions", "web_bind", "web_port", "data_dir", "store")


@click.command()
@with_settings(*DEMO_SETTINGS)
@click.option("--speed", type=FiniteRange(), metavar="EVENTS", help=f"Events per second [default: {PER_SECOND:g}].")
@click.option("--times-original", type=FiniteRange(), metavar="X", help="Replay at X times the speed of 1997 instead.")
@click.option("--customers", type=click.IntRange(min=1), metavar="N", help="Only the orders of customers 1 to N.")
@click.option("--keep/--fresh", default=True, help="Go on from the last demo (default), or delete its data first.")
@click.option("--dry-run", is_flag=True, help="With --fresh: only tell what would be deleted.")
@click.option("--yes", is_flag=True, help="With --fresh: do not ask before deleting.")
@click.option("--once", is_flag=True, help="Do not start over when every order is replayed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when ready, nothing else.")
def demo(settings: Settings, as_json: bool, **asked: Any) -> None:
    """Score real orders on this machine until told to stop."""
    from stream_app.operations.demo_folder import alone, broker_of, ended_by_signals, start_over
    from stream_app.operations.demo_replay import PlaceUnreadable
    from stream_app.operations.replay import Pace

    if asked["speed"] is None and asked["times_original"] is None:
        asked["speed"] = PER_SECOND
    try:
        pace = Pace(asked.pop("speed"), asked.pop("times_original"))
    except ValueError as error:
        raise click.UsageError(f"--speed, --times-original: {error}") from error
    home = settings.data_dir / "demo"
    keep, dry_run, yes = asked.pop("keep"), asked.pop("dry_run"), asked.pop("yes")
    if not keep and settings.bootstrap_servers:
        raise click.UsageError("--fresh deletes what the embedded broker holds, but brokers are named")
    if keep and dry_run:
        raise click.UsageError("--dry-run tells what --fresh would delete")
    try:
        with ended_by_signals(), alone(home, dry_run=dry_run):
            if not keep:
                start_over(home, dry_run=dry_run, yes=yes)
            if dry_run:
                return
            with broker_of(home, settings.bootstrap_servers) as bootstrap:
                _run(_demo_settings(settings, home, bootstrap), pace=pace, as_json=as_json, **asked)
    except PlaceUnreadable as error:
        raise click.ClickException(str(error)) from error


def _run(settings: Settings, *, pace: Any, customers: int | None, once: bool, as_json: bool) -> None:
    from stream_app.operations import dataset
    from stream_app.operations.demo_folder import tell
    from stream_app.operations.demo_replay import DemoReplay, read_place, replayed_by, write_place
    from stream_app.operations.jars import cache_dir
    from stream_app.operations.topic_administration import TopicsRefused, ensure_topics
    from stream_app.operations.worker_commands import run_worker

    tell("preparing topics, rules and orders")
    run_bounded(settings, ensure_topics(settings), TopicsRefused)
    run_bounded(settings, _put_missing(settings))
    run_bounded(settings, _group_can_meet(settings))
    try:
        wheel = dataset.fetch(cache_dir() / "data")
    except dataset.DatasetUnavailable as error:
        raise click.ClickException(f"{error}\ndocs/demo-data.md tells how to do without a network") from error
    path = settings.data_dir / "replay.json"
    place = read_place(path, replayed_by(settings, customers))
    write_place(path, place)
    replaying = partial(DemoReplay, settings=settings, wheel=wheel, path=path, place=place, pace=pace, once=once)
    tell("starting the worker")
    run_worker(settings, announce=_announce_json if as_json else partial(_announce, place.next), also=(replaying,))


def _demo_settings(settings: Settings, home: Path, bootstrap: str) -> Settings:
    """Return the worker's settings: one replica, a free port, a key, and only warnings unless a level was chosen."""
    from stream_app.authoring.api_keys import new_key

    level = next(row for row in effective({}, os.environ, Path.cwd()) if row.variable == "LEADSTREAM_LOG_LEVEL")
    port = _free_port(settings)
    url, host = settings.advertised_url, url_host(settings.web_bind)
    if url == f"http://{host}:{settings.web_port}":
        url = f"http://{host}:{port}"
    return replace(
        settings,
        bootstrap_servers=bootstrap,
        replication_factor=settings.replication_factor or 1,
        data_dir=home,
        web_port=port,
        advertised_url=url,
        root_key=settings.root_key or new_key("demo"),
        log_level="warning" if level.source == "default" else settings.log_level,
    )


def _free_port(settings: Settings) -> int:
    from stream_app.operations.broker_folder import free_port, port_is_free
    from stream_app.operations.demo_folder import tell

    if settings.web_port and port_is_free(settings.web_port):
        return settings.web_port
    port = free_port()
    if settings.web_port:
        tell(f"port {settings.web_port} is taken: the page is at port {port} instead")
    return port


async def _put_missing(settings: Settings) -> None:
    """Put the demo's rules and thresholds where org 1 has none; what somebody changed stays."""
    import yaml

    from schemas.times import format_time
    from stream_app.authoring.config_log import ConfigLog, Kind
    from stream_app.authoring.config_topic import config_writer, read_config
    from stream_app.authoring.puts import plan_put

    log = ConfigLog.of(await read_config(settings))
    kinds: tuple[Kind, ...] = ("rule", "profile")
    missing: list[Kind] = [kind for kind in kinds if not log.objects(kind, ORG)]
    if not missing:
        return
    async with config_writer(settings) as writer:
        for kind in missing:
            items = yaml.safe_load((files("stream_app.operations") / f"demo_{kind}s.yaml").read_text("utf-8"))
            plan = plan_put(kind, writer.log, ORG, items, format_time(time.time_ns() // 1_000_000))
            await writer.write(plan.written)


async def _group_can_meet(settings: Settings) -> None:
    """Wait until a new broker has a coordinator for the group, of which the worker would complain first."""
    import asyncio

    from aiokafka.errors import GroupCoordinatorNotAvailableError

    from stream_app.operations.topic_administration import administration

    async with administration(settings) as admin, asyncio.timeout(GROUP_SECONDS):
        while True:
            try:
                await admin.find_coordinator(settings.app_id)
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.1)
            else:
                return


def _announce_json(settings: Settings, url: str) -> None:
    echo_json({"url": url, "key": settings.root_key, "bootstrapServers": settings.bootstrap_servers})
    sys.stdout.flush()


def _announce(begun_at: int, settings: Settings, url: str) -> None:
    key, going_on = settings.root_key, f"goes on at event {begun_at:,}" if begun_at else "begins"
    click.echo(f"""
  leadstream scores real orders: the replay {going_on}.

  Page    {url}/#key={key}&org={ORG}
  Key     {key}
  Score   curl -H "Authorization: Bearer {key}" "{url}/v1/contacts/4/score?orgId={ORG}"
  Kafka   {settings.bootstrap_servers}, scores move in {declared_topics(settings).score_changed.name}
  Data    {settings.data_dir}: the next demo goes on from here, --fresh starts over
  Stop    Ctrl-C
""")
    sys.stdout.flush()
