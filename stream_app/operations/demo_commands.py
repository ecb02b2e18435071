"""`leadstream demo`: broker, topics, rules, worker and a replay of real orders, from nothing to a moving page.

Laws: Ctrl-C or SIGTERM at any moment ends everything that was started, with exit code 0; what is kept lives in the
folder ``demo`` of the data directory, which one demo at a time may use, and a later demo goes on where it ended; rules
and thresholds are put only where org 1 has none.  What to say goes to standard output, progress to standard error.
Reads and writes: that folder, the user's cache, the topics.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import click

from stream_app.operations.command_settings import echo_json, run_bounded, with_settings
from stream_app.settings import Settings, declared_topics, effective

ORG: Final = "1"
PER_SECOND: Final = 200.0
STOP_SECONDS: Final = 10.0  # for the broker, after the worker, so that both fit into the 15 s of `docker stop`
DEMO_SETTINGS: Final = ("partitions", "web_bind", "web_port", "data_dir", "store")


@click.command()
@with_settings(*DEMO_SETTINGS)
@click.option("--speed", type=float, metavar="EVENTS", help=f"Events per second [default: {PER_SECOND:g}].")
@click.option("--times-original", type=float, metavar="X", help="Replay at X times the speed of 1997 instead.")
@click.option("--customers", type=click.IntRange(min=1), metavar="N", help="Only the orders of customers 1 to N.")
@click.option("--keep/--fresh", default=True, help="Go on from the last demo (default), or delete its data first.")
@click.option("--once", is_flag=True, help="Do not start over when every order is replayed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when ready, nothing else.")
def demo(settings: Settings, as_json: bool, **asked: Any) -> None:
    """Score real orders on this machine until told to stop."""
    from stream_app.operations.demo_replay import PlaceUnreadable
    from stream_app.operations.replay import Pace

    if asked["speed"] is None and asked["times_original"] is None:
        asked["speed"] = PER_SECOND
    try:
        pace = Pace(asked.pop("speed"), asked.pop("times_original"))
    except ValueError as error:
        raise click.UsageError(f"--speed, --times-original: {error}") from error
    keep, home = asked.pop("keep"), settings.data_dir / "demo"
    if not keep and settings.bootstrap_servers:
        raise click.UsageError("--fresh deletes what the embedded broker holds, but brokers are named")
    try:
        with _ended_by_signals(), _alone(home):
            if not keep:
                _clear(home)
            with _kafka(settings, home) as bootstrap:
                _run(_demo_settings(settings, home, bootstrap), pace=pace, as_json=as_json, **asked)
    except PlaceUnreadable as error:
        raise click.ClickException(str(error)) from error


def _run(settings: Settings, *, pace: Any, customers: int | None, once: bool, as_json: bool) -> None:
    from stream_app.operations import dataset
    from stream_app.operations.demo_replay import DemoReplay, read_place, replayed_by, write_place
    from stream_app.operations.jars import cache_dir
    from stream_app.operations.topic_administration import TopicsRefused, ensure_topics
    from stream_app.operations.worker_commands import run_worker

    _tell("preparing topics, rules and orders")
    run_bounded(ensure_topics(settings), TopicsRefused)
    run_bounded(_put_missing(settings))
    try:
        wheel = dataset.fetch(cache_dir() / "data")
    except dataset.DatasetUnavailable as error:
        raise click.ClickException(f"{error}\ndocs/demo-data.md tells how to do without a network") from error
    path = settings.data_dir / "replay.json"
    place = read_place(path, replayed_by(settings, customers))
    write_place(path, place)
    replaying = partial(DemoReplay, settings=settings, wheel=wheel, path=path, place=place, pace=pace, once=once)
    _tell("starting the worker")
    run_worker(settings, announce=_announce_json if as_json else partial(_announce, place.next), also=(replaying,))


def _demo_settings(settings: Settings, home: Path, bootstrap: str) -> Settings:
    """Return the worker's settings: one replica, a free port, a key, and only warnings unless a level was chosen."""
    from stream_app.web.authentication import new_key

    level = next(row for row in effective({}, os.environ, Path.cwd()) if row.variable == "LEADSTREAM_LOG_LEVEL")
    port = _free_port(settings)
    url = settings.advertised_url
    if url == f"http://{settings.web_bind}:{settings.web_port}":
        url = f"http://{settings.web_bind}:{port}"
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

    if settings.web_port and port_is_free(settings.web_port):
        return settings.web_port
    port = free_port()
    if settings.web_port:
        _tell(f"port {settings.web_port} is taken: the page is at port {port} instead")
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


@contextmanager
def _kafka(settings: Settings, home: Path) -> Iterator[str]:
    """Give the address of a broker: the one that was named, else an embedded one, which is ended at the end."""
    from stream_app.operations.broker import EmbeddedKafka
    from stream_app.operations.broker_commands import FAILURES

    if settings.bootstrap_servers:
        yield settings.bootstrap_servers
        return
    kafka = EmbeddedKafka(home / "broker", progress=_progress())
    try:
        try:
            kafka.start()
        except FAILURES as failure:
            raise click.ClickException(str(failure)) from failure
        yield kafka.bootstrap
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # it is ending already, and must not leave the broker behind
        _tell("stopping")
        kafka.stop(STOP_SECONDS)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Leave the block by SystemExit(0) on SIGINT and SIGTERM; the worker has handlers of its own while it runs."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the demo's folder, which the system gives back whatever ends this process."""
    from stream_app.operations.class_archive import lock_at_once

    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not lock_at_once(descriptor):
            raise click.ClickException(f"a demo runs already on {home}; --data-dir names another folder")
        yield
    finally:
        os.close(descriptor)


def _clear(home: Path) -> None:
    """Delete what earlier demos left, and end a broker that a killed one left running."""
    from stream_app.operations.broker import EmbeddedKafka

    EmbeddedKafka(home / "broker").kill()
    for entry in home.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()


def _tell(text: str) -> None:
    click.echo(f"leadstream demo: {text}", err=True)


def _progress() -> Any:
    """Show each step: counting on a terminal, its beginning elsewhere."""
    from stream_app.operations.broker_commands import terminal_progress

    def begin(what: str, done: int, _total: int) -> None:
        if done == 0:
            _tell(what)

    return terminal_progress() if sys.stderr.isatty() else begin


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
