"""``leadstream schemas write | check``: JSON Schema of every message, state record and authored object, and OpenAPI.

Laws: the files under ``schemas/generated`` are what the types say, byte for byte; ``check`` fails (exit code 1) when
one differs, is missing or is left over.  Inputs are described as senders may write them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from stream_app.operations.command_settings import echo_json, json_option

GENERATED: Final = Path(__file__).parents[2] / "schemas" / "generated"


@click.group()
def schemas() -> None:
    """Write and check the JSON Schemas."""


@schemas.command()
@json_option
def write(as_json: bool) -> None:
    """Bring the files to what the types say."""
    wanted = documents()
    GENERATED.mkdir(exist_ok=True)
    written = stale(wanted)
    for name in written:
        if name in wanted:
            (GENERATED / name).write_bytes(wanted[name])
        else:
            (GENERATED / name).unlink()
    if as_json:
        echo_json({"written": written})
    for name in () if as_json else written:
        click.echo(name)


@schemas.command()
@json_option
def check(as_json: bool) -> None:
    """Tell which files differ from what the types say."""
    differing = stale(documents())
    if as_json:
        echo_json({"differing": differing})
    if differing:
        raise click.ClickException(f"run `leadstream schemas write`: {', '.join(differing)}")


def stale(wanted: Mapping[str, bytes]) -> list[str]:
    """Return the names of files that differ, are missing or are left over."""
    present = {path.name: path.read_bytes() for path in GENERATED.glob("*.json")}
    return sorted(name for name in {*wanted, *present} if wanted.get(name) != present.get(name))


def documents() -> dict[str, bytes]:
    """Return every schema by file name."""
    import msgspec
    from pydantic import BaseModel

    from stream_app.web.openapi import openapi
    from stream_app.web.routes import ROUTES

    found: dict[str, bytes] = {}
    for name, model in _described().items():
        if issubclass(model, BaseModel):
            schema: dict[str, Any] = model.model_json_schema()
        else:
            schema = msgspec.json.schema(model)
        document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        found[f"{name}.json"] = _file(document)
    return found | {"openapi.json": _file(openapi(ROUTES))}


def _file(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _described() -> dict[str, type]:
    from schemas import api_keys, authored, events, journal, outputs, state

    return {
        "EngagementEvent": events.EngagementEventWire, "ContactAttributes": events.ContactAttributesWire,
        "Command": events.CommandWire, "ScoreChanged": outputs.ScoreChanged,
        "ThresholdCrossed": outputs.ThresholdCrossed, "PartitionRecord": journal.PartitionRecord,
        "BatchJournal": journal.BatchJournal, "StateCore": state.Core, "StateFacts": state.Facts,
        "StateOnce": state.Once, "StateVisits": state.Visits,
        "RuleBody": authored.RuleBody, "Rule": authored.Rule, "ProfileBody": authored.ProfileBody,
        "Profile": authored.Profile, "ApiKeyRecord": api_keys.ApiKeyRecord,
    }  # fmt: skip
