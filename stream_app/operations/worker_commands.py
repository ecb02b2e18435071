"""`leadstream worker`: one member of the group, until a signal.

Laws: the web view answers before the broker does; a missing topic or a wrong count ends the start with a sentence;
ends by SIGTERM within 15 s with exit code 0; with ``--supervise`` the worker is a child that is started again.
"""

import json
import os
import sys
from typing import Any

import click

from stream_app.operations.command_settings import make_folder, with_settings
from stream_app.settings import Settings, kafka_client_arguments

WORKER_SETTINGS = (
    "partitions", "engagement_topics", "start", "web_bind", "web_port", "advertised_url", "instance_id", "data_dir",
    "store", "log_format", "log_level",
)  # fmt: skip


@click.command()
@with_settings(*WORKER_SETTINGS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when ready.")
@click.option("--supervise", is_flag=True, help="Start the worker again when it ends by itself or hangs.")
@click.option("--supervised", is_flag=True, hidden=True)
def worker(settings: Settings, as_json: bool, supervise: bool, supervised: bool) -> None:
    """Score events until told to stop."""
    from stream_app.operations.supervision import end_with_supervisor

    kafka_client_arguments(settings)
    if supervise:
        sys.exit(_supervise(settings))
    if supervised:
        end_with_supervisor()
    run_worker(settings, announce=_print_ready if as_json else None)


def _supervise(settings: Settings) -> int:
    from stream_app.operations.log_format import set_up_logging
    from stream_app.operations.supervision import Supervisor

    set_up_logging(settings.log_format, settings.log_level)
    arguments = ["--supervised" if argument == "--supervise" else argument for argument in sys.argv]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.web_bind, settings.web_bind)  # noqa: S104 - not bound
    live = (host, settings.web_port) if settings.web_port else None
    return Supervisor([sys.executable, *arguments], live).run()


def run_worker(settings: Settings, announce: Any = None, also: tuple[Any, ...] = ()) -> None:
    """Run a worker in this process; ``announce(settings, url)`` is called once when it is ready, see `also`."""
    from stream_app.app import create_app
    from stream_app.operations.log_format import set_up_logging
    from stream_app.operations.own_url import OwnUrl
    from stream_app.operations.phases import probe_from
    from stream_app.operations.process import BrokerAnswers, CyclesCollected, TopicsChecked, WhenReady, run

    make_folder(settings.data_dir)
    set_up_logging(settings.log_format, settings.log_level)
    app = create_app(settings, probe=probe_from(os.environ))
    services = [
        app.web_view,
        BrokerAnswers(kafka_client_arguments(settings)),
        TopicsChecked(settings),
        app.keys,
        app.config,
        app.ingest,
        app.score_log,
        app.audit,
        OwnUrl(app, settings),
        CyclesCollected(app),
        WhenReady(app, lambda: announce(settings, app.web_view.url) if announce else None),
        *(make(app) for make in also),
    ]
    run(app, services)


def _print_ready(settings: Settings, url: str) -> None:
    click.echo(json.dumps({"url": url, "bootstrapServers": settings.bootstrap_servers}))
