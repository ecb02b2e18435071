"""`leadstream`: the command line's root, a table of commands whose modules load when they run.

Laws: one row of COMMANDS is all a new command needs here; `--help` imports no command; a command that cannot be
loaded breaks nothing but itself. Exit codes: 0 done, 1 failed, 2 wrong use.
"""
# pyright: strict

import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import NamedTuple

import click


class Row(NamedTuple):
    """Where a command lives ("module:attribute") and what the root's help says about it."""

    target: str
    summary: str


COMMANDS: Mapping[str, Row] = {
    "demo": Row("stream_app.operations.demo_commands:demo", "Score real orders on this machine, from nothing."),
    "worker": Row("stream_app.operations.worker_commands:worker", "Run one member of the group until told to stop."),
    "broker": Row(
        "stream_app.operations.broker_commands:broker", "Run a Kafka broker on this machine, without Docker."
    ),
    "topics": Row("stream_app.operations.topics_commands:topics", "Declare, compare and create leadstream's topics."),
    "rules": Row("stream_app.operations.authoring_commands:rules", "Write and read scoring rules."),
    "profiles": Row("stream_app.operations.profile_commands:profiles", "Write and read score profiles."),
    "keys": Row("stream_app.operations.key_commands:keys", "Make, list and revoke API keys."),
    "config": Row("stream_app.operations.config_commands:config", "Show and check the settings in force."),
    "dead-letters": Row(
        "stream_app.operations.dead_letter_commands:dead_letters", "List, show and redrive what could not be an input."
    ),
    "state": Row("stream_app.operations.state_commands:state", "Read the state of contacts; verify it by a replay."),
    "score": Row("stream_app.operations.score_commands:score", "Show, adjust, import and export scores."),
    "partition": Row("stream_app.operations.partition_commands:partition", "Show where partitions stand."),
    "schemas": Row("stream_app.operations.schemas_commands:schemas", "Write and check the JSON Schemas."),
    "generate": Row("stream_app.operations.generate_commands:generate", "Send a made-up load of events and commands."),
    "chaos": Row("stream_app.operations.chaos_commands:chaos", "Kill and starve workers under load; prove exactness."),
}


class LazyGroup(click.Group):
    """A group that imports a command when it runs."""

    def __init__(self, *, name: str, help: str, rows: Mapping[str, Row], params: list[click.Parameter]) -> None:
        super().__init__(name=name, help=help, params=params, no_args_is_help=True)
        self._rows = rows

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the table's order."""
        return list(self._rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command. Raises ClickException where this installation lacks its module."""
        row = self._rows.get(cmd_name)
        if row is None:
            return None
        module_name, _, attribute = row.target.partition(":")
        try:
            command = getattr(importlib.import_module(module_name), attribute)
        except ModuleNotFoundError as missing:
            raise click.ClickException(f"`{cmd_name}` is not available: no module {missing.name}") from missing
        if not isinstance(command, click.Command):
            raise TypeError(f"{row.target} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in self._rows.items()])


def root(rows: Mapping[str, Row]) -> LazyGroup:
    """Build the root group over a table of commands."""
    version = click.version_option(importlib.metadata.version("leadstream"), message="%(prog)s %(version)s")
    group = LazyGroup(name="leadstream", help="Exactly-once lead scoring on Kafka.", rows=rows, params=[])
    return version(group)


def main() -> None:
    """Run the command line."""
    root(COMMANDS)(prog_name="leadstream")
