"""One frozen table of settings: each has one field below, and from it its variable, type, default and sentence.

Laws: nothing is read at import, the caller passes the environment; the first source that gives a value wins, in the
order command line, environment, ``.env``, ``leadstream.toml``, default; an empty text is no value; a secret is never
printed.  ``LEADSTREAM_<FIELD>`` is the variable, the field name the key in ``leadstream.toml`` and on the command line.
Reads ``.env`` and ``leadstream.toml`` of a directory.  Source: contract section 5.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints

from stream_app import setting_values as a
from stream_app.setting_sources import DOTENV, TOML, SettingsError, dotenv, texts, toml
from stream_app.setting_values import EngagementTopics
from topics.declarations import ENGAGEMENT, SCORE_CHANGED_DAYS, Topics, declare

__all__ = [
    "TOOL_VARIABLES", "Effective", "EngagementTopics", "Setting", "Settings", "SettingsError", "declared_topics",
    "effective", "kafka_client_arguments", "load_settings", "table", "unknown_variables", "variable_of",
]  # fmt: skip

VARIABLE_PREFIX: Final = "LEADSTREAM_"
MASK: Final = "***"
TOOL_VARIABLES: Final = frozenset(  # read by tools around the application, before or without its settings
    VARIABLE_PREFIX + name for name in ("CACHE_DIR", "MAVEN_REPOSITORY", "PHASE_FILE", "CRASH")
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table; ``default`` is text, read like any other; ``{name}`` in it is an earlier setting's value.

    ``{web_host}`` is ``web_bind`` as a URL names it.
    """

    parse: a.Parser
    default: str | None
    doc: str
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """What leadstream runs with; made by ``load_settings``, varied by ``dataclasses.replace``; None is "not set"."""

    bootstrap_servers: Annotated[str | None, Setting(a.servers, None, "Kafka brokers, host:port with commas between")]
    app_id: Annotated[str, Setting(a.name, "leadstream", "Kafka group, transactional ids, name of the changelog")]
    prefix: Annotated[str, Setting(a.prefix, "leadstream", "Prefix of the names of leadstream's topics")]
    partitions: Annotated[int, Setting(a.integer(1, 10_000), "8", "Partitions of each topic keyed by contact")]
    replication_factor: Annotated[
        int | None, Setting(a.integer(1, 100), None, "Copies of topics; none: broker's default")
    ]
    engagement_topics: Annotated[
        EngagementTopics,
        Setting(
            a.engagement_topics, f"{{prefix}}.{ENGAGEMENT}:keyed", "Sources of events: full names with :keyed or :any"
        ),
    ]
    score_changed_days: Annotated[
        int, Setting(a.integer(1, 36_500), str(SCORE_CHANGED_DAYS), "Days for which the ledger is kept")
    ]
    start: Annotated[
        Literal["earliest", "latest"],
        Setting(a.one_of("earliest", "latest"), "earliest", "Where the first start reads from; later ones go on"),
    ]
    web_bind: Annotated[str, Setting(a.address, "127.0.0.1", "Address that the web server listens on")]
    web_port: Annotated[int, Setting(a.integer(0, a.MAX_PORT), "6066", "Port that the web server listens on")]
    advertised_url: Annotated[str, Setting(a.url, "http://{web_host}:{web_port}", "How other workers reach this one")]
    instance_id: Annotated[str | None, Setting(a.name, None, "Static member id; needs a stable advertised URL")]
    redis_url: Annotated[str | None, Setting(a.redis_url, None, "Redis for the ordered index", secret=True)]
    data_dir: Annotated[Path, Setting(Path, "./data", "Directory of local stores and of the embedded broker")]
    store: Annotated[
        Literal["memory", "rocksdb"], Setting(a.one_of("memory", "rocksdb"), "memory", "Where state is held")
    ]
    clock: Annotated[
        Literal["wall", "records"], Setting(a.one_of("wall", "records"), "wall", "What moves the clock (S60)")
    ]
    max_batch_records: Annotated[int, Setting(a.integer(1, 100_000), "4000", "Most records of one transaction")]
    max_record_bytes: Annotated[int, Setting(a.integer(1024, 262_144), "262144", "Longer values are dead letters")]
    max_lateness_days: Annotated[int | None, Setting(a.integer(1, 36_500), None, "Older events are dead letters")]
    dedupe_ids: Annotated[int, Setting(a.integer(16, 65_536), "256", "Event ids remembered for each contact (S4)")]
    max_dwell_seconds: Annotated[int, Setting(a.integer(1, 86_400), "1800", "The most that one visit counts (S28)")]
    session_timeout_seconds: Annotated[int, Setting(a.integer(6, 1800), "10", "Silence after which a worker is gone")]
    headers: Annotated[
        Literal["minimal", "cloudevents"], Setting(a.one_of("minimal", "cloudevents"), "minimal", "Headers on outputs")
    ]
    root_key: Annotated[str | None, Setting(a.text, None, "Key that may create and revoke API keys", secret=True)]
    rate_limit_per_second: Annotated[
        int, Setting(a.integer(1, 1_000_000), "100", "Requests per second of one API key on one worker; twice at once")
    ]
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Setting(a.one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "PLAINTEXT", "How brokers are spoken to"),
    ]
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        Setting(a.one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "PLAIN", "SASL mechanism"),
    ]
    sasl_username: Annotated[str | None, Setting(a.text, None, "SASL user")]
    sasl_password: Annotated[str | None, Setting(a.text, None, "SASL password", secret=True)]
    ssl_cafile: Annotated[Path | None, Setting(Path, None, "Who signed the brokers' certificates; none: the system's")]
    ssl_certfile: Annotated[Path | None, Setting(Path, None, "Certificate of this client")]
    ssl_keyfile: Annotated[Path | None, Setting(Path, None, "Key of this client's certificate")]
    ssl_key_password: Annotated[str | None, Setting(a.text, None, "Password of that key", secret=True)]
    ssl_check_hostname: Annotated[bool, Setting(a.boolean, "true", "Whether brokers' names must match certificates")]
    log_format: Annotated[
        Literal["console", "json"], Setting(a.one_of("console", "json"), "console", "Look of log lines")
    ]
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Setting(a.one_of("debug", "info", "warning", "error"), "info", "Least level that is logged"),
    ]

    def __repr__(self) -> str:
        shown = ", ".join(f"{n}={MASK if row.secret else getattr(self, n)!r}" for n, row in table().items())
        return f"Settings({shown})"


@cache
def table() -> Mapping[str, Setting]:
    """Return the rows by field name, in order."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(Settings, include_extras=True).items()}


@dataclass(frozen=True, slots=True)
class Effective:
    """One row of ``config show``; ``value`` is text, masked when secret, None when not set."""

    variable: str
    value: str | None
    source: str
    doc: str


def variable_of(name: str) -> str:
    """Return the variable of a field of ``Settings``."""
    return VARIABLE_PREFIX + name.upper()


def load_settings(command_line: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> Settings:
    """Return the settings in force; ``command_line`` maps field names to values, None is not set; SettingsError."""
    return Settings(**{name: value for name, value, _, _ in _resolve(command_line, environ, cwd)})


def effective(command_line: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> list[Effective]:
    """Return each setting in table order with its value as text and the source that gave it; SettingsError."""
    return [
        Effective(variable_of(name), MASK if text and table()[name].secret else text, source, table()[name].doc)
        for name, _, text, source in _resolve(command_line, environ, cwd)
    ]


def unknown_variables(environ: Mapping[str, str], cwd: Path) -> list[str]:
    """Return the ``LEADSTREAM_`` variables of the environment and ``.env`` that are no setting: likely misspelt."""
    known = {*TOOL_VARIABLES, *map(variable_of, table())}
    return sorted(v for v in {*environ, *dotenv(cwd)} if v.startswith(VARIABLE_PREFIX) and v not in known)


def _resolve(
    command_line: Mapping[str, object], environ: Mapping[str, str], cwd: Path
) -> Iterator[tuple[str, Any, str | None, str]]:
    """Yield (field name, value, its text, source) in table order."""
    sources = _sources(command_line, environ, cwd)
    resolved: dict[str, Any] = {}
    for name, row in table().items():
        given = ((values[name].strip(), source) for source, values in sources if values.get(name, "").strip())
        hosts = {"web_host": a.url_host(resolved.get("web_bind", ""))}
        default = None if row.default is None else row.default.format_map(resolved | hosts)
        text, source = next(given, (default, "default"))
        try:
            resolved[name] = None if text is None else row.parse(text)
        except ValueError as error:
            problem = "its value cannot be used" if row.secret else str(error)
            raise SettingsError(variable_of(name), f"{problem} ({source})") from None
        yield name, resolved[name], text, source


def _sources(
    command_line: Mapping[str, object], environ: Mapping[str, str], cwd: Path
) -> list[tuple[str, dict[str, str]]]:
    """Return (source, {field name: text}), the strongest first."""
    from_file = dotenv(cwd)
    return [
        ("command line", texts(command_line, "command line", table())),
        ("environment", {name: environ.get(variable_of(name), "") for name in table()}),
        (DOTENV, {name: from_file.get(variable_of(name), "") for name in table()}),
        (TOML, texts(toml(cwd), TOML, table())),
    ]


def declared_topics(settings: Settings) -> Topics:
    """Return every topic that these settings speak of; SettingsError when a source bears another topic's name."""
    try:
        return declare(
            settings.prefix, settings.app_id, settings.partitions, settings.engagement_topics,
            settings.replication_factor, settings.score_changed_days,
        )  # fmt: skip
    except ValueError as error:
        raise SettingsError(variable_of("engagement_topics"), str(error)) from None


def kafka_client_arguments(settings: Settings) -> dict[str, Any]:
    """Return what every aiokafka client is given: servers and security; SettingsError without servers."""
    if settings.bootstrap_servers is None:
        raise SettingsError(variable_of("bootstrap_servers"), "is not set: name the Kafka brokers")
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","), "security_protocol": settings.security_protocol,
    }  # fmt: skip
    if settings.security_protocol.startswith("SASL"):
        if not settings.sasl_username or not settings.sasl_password:
            raise SettingsError(variable_of("sasl_username"), f"{settings.security_protocol} needs user and password")
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism, "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password,
        }  # fmt: skip
    if settings.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    return arguments


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        context.check_hostname = settings.ssl_check_hostname
        if settings.ssl_certfile:
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, settings.ssl_key_password)
    except OSError as error:
        raise SettingsError(variable_of("ssl_cafile"), f"the certificates cannot be used: {error}") from None
    return context
