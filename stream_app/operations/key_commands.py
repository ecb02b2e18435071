"""``leadstream keys create | list | revoke``: API keys through Kafka, without a worker.

Laws: whoever may write to ``api-keys`` may make keys: the broker's rights guard this, no key is asked for; the text of
a new key is printed once, on standard output, and kept nowhere; revoking asks first, unless ``--yes``.
"""

import time
from collections.abc import Coroutine
from typing import Any

import click

from stream_app.operations.command_settings import echo_json, run_with, with_settings
from stream_app.operations.option_types import ORG
from stream_app.operations.shown import safe_line
from stream_app.settings import Settings, declared_topics

org_option = click.option("--org", type=ORG, required=True, metavar="ORG", help="The org that the key opens.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@with_settings()
@org_option
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), required=True, help="What it may do.")
@click.option("--site", "sites", multiple=True, metavar="SITE", help="Only this site; may be repeated.")
@click.option("--expires-at", metavar="TIME", help="RFC 3339; none: never.")
@click.option("--name", metavar="TEXT", help="For people.")
@json_option
def create(
    *, settings: Settings, org: str, scope: str, sites: tuple[str, ...], expires_at: str | None, name: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a key and print it, once; workers know it within a second or so."""
    from pydantic import ValidationError

    from schemas.rest_keys import KeyBody
    from stream_app.authoring.api_keys import expiry, shown
    from stream_app.authoring.key_administration import KeyAdministration

    given = {"org_id": org, "scope": scope, "sites": list(sites) or None, "expires_at": expires_at, "name": name}
    try:
        body = KeyBody.model_validate(given)
        until = None if expires_at is None else expiry(expires_at, time.time_ns() // 1_000_000)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise click.UsageError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}") from None
    except ValueError as error:
        raise click.UsageError(f"--expires-at: {error}") from None
    making = KeyAdministration(settings).make(
        org, body.scope, sites=frozenset(sites) or None, expires_at=until, name=name
    )
    made = _run(settings, making)
    if as_json:
        echo_json({**shown(made.key), "key": made.text})
    else:
        click.echo(made.text)


@keys.command("list")
@with_settings()
@org_option
@json_option
def list_(settings: Settings, org: str, as_json: bool) -> None:
    """Print the keys of an org, expired ones too; neither texts nor hashes."""
    from stream_app.authoring.api_keys import shown
    from stream_app.authoring.key_administration import KeyAdministration

    found = [shown(key) for key in _run(settings, KeyAdministration(settings).of_org(org))]
    if as_json:
        echo_json(found)
    for key in () if as_json else found:
        click.echo(_line(key))


@keys.command()
@with_settings()
@click.argument("key_id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Only tell what would be revoked.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def revoke(settings: Settings, key_id: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Revoke a key: workers refuse it within 5 seconds."""
    from stream_app.authoring.api_keys import shown
    from stream_app.authoring.key_administration import KeyAdministration

    desk = KeyAdministration(settings)
    key = _run(settings, desk.find(key_id))
    if key is None:
        raise click.ClickException(f"there is no key {key_id}")
    if not (dry_run or yes):
        click.confirm(f"Revoke {_line(shown(key))}?", abort=True, err=True)
    if not dry_run:
        _run(settings, desk.revoke(key_id))
    if as_json:
        echo_json({**shown(key), "revoked": not dry_run})
    else:
        click.echo(f"{'would revoke' if dry_run else 'revoked'} {_line(shown(key))}")


def _run(settings: Settings, work: Coroutine[Any, Any, Any]) -> Any:
    """Run async work once ``api-keys`` is there."""
    from stream_app.authoring.key_administration import KeysUnavailable

    return run_with(settings, [declared_topics(settings).api_keys], work, KeysUnavailable)


def _line(key: dict[str, Any]) -> str:
    words = [key["id"], f"org {key['orgId']}", key["scope"]]
    if key["sites"] is not None:
        words.append(f"sites {', '.join(map(str, key['sites']))}")
    if key["expiresAt"] is not None:
        words.append(f"expires {key['expiresAt']}")
    return safe_line("  ".join([*words, key["name"] or ""]).rstrip())
