"""Settings: precedence, types, secrets, and what every Kafka client is given (contract section 5)."""

import ssl
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from stream_app.settings import (
    Settings,
    SettingsError,
    declared_topics,
    effective,
    kafka_client_arguments,
    load_settings,
    table,
    unknown_variables,
    variable_of,
)

SERVERS = {"bootstrap_servers": "one:9092,two:9093"}


def settings(cwd: Path, **given: object) -> Settings:
    return load_settings(given, {}, cwd)


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert (found.app_id, found.prefix, found.partitions, found.replication_factor) == (
        "leadstream",
        "leadstream",
        8,
        None,
    )
    assert found.engagement_topics == (("leadstream.engagement", "keyed"),)
    assert found.advertised_url == "http://127.0.0.1:6066"
    assert (found.store, found.clock, found.start, found.headers) == ("memory", "wall", "earliest", "minimal")
    assert (found.max_batch_records, found.max_record_bytes, found.dedupe_ids) == (4000, 262144, 256)
    assert found.data_dir == Path("data") and found.bootstrap_servers is None


def test_defaults_follow_earlier_settings(tmp_path: Path) -> None:
    found = settings(tmp_path, prefix="acme", web_port=7000)
    assert found.engagement_topics == (("acme.engagement", "keyed"),)
    assert found.advertised_url == "http://127.0.0.1:7000"


def test_the_strongest_source_wins(tmp_path: Path) -> None:
    (tmp_path / "leadstream.toml").write_text('app_id = "toml"\nprefix = "toml"\npartitions = 3\nstore = "rocksdb"\n')
    (tmp_path / ".env").write_text("LEADSTREAM_APP_ID=dot\nLEADSTREAM_PREFIX=dot\nexport LEADSTREAM_PARTITIONS='4'\n")
    environ = {"LEADSTREAM_APP_ID": "env", "LEADSTREAM_PREFIX": "env", "LEADSTREAM_STORE": ""}
    found = load_settings({"app_id": "line", "prefix": None}, environ, tmp_path)
    assert (found.app_id, found.prefix, found.partitions, found.store) == ("line", "env", 4, "rocksdb")
    sources = {row.variable: row.source for row in effective({"app_id": "line"}, environ, tmp_path)}
    assert sources["LEADSTREAM_APP_ID"] == "command line" and sources["LEADSTREAM_PREFIX"] == "environment"
    assert sources["LEADSTREAM_PARTITIONS"] == ".env" and sources["LEADSTREAM_STORE"] == "leadstream.toml"
    assert sources["LEADSTREAM_CLOCK"] == "default"


def test_dotenv_takes_comments_quotes_and_blank_lines(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('# first\n\nLEADSTREAM_APP_ID = "a-b" \nLEADSTREAM_PREFIX=x # why\nOTHER=1\n')
    found = settings(tmp_path)
    assert (found.app_id, found.prefix) == ("a-b", "x")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('"k" # c', "k"),
        ("'k'   # c", "k"),
        ('"k # no comment"', "k # no comment"),
        ("k#no-comment # c", "k#no-comment"),
        ("#k", "#k"),
        (" # c", None),
        ('""', None),
        (r'"a\"b"', 'a"b'),
        (r"'it\'s \n'", r"it's \n"),
        (r'"a\tb\\$c"', "a\tb\\$c"),
    ],
)
def test_dotenv_reads_quotes_and_comments_as_compose_does(tmp_path: Path, line: str, value: str | None) -> None:
    (tmp_path / ".env").write_text(f"LEADSTREAM_ROOT_KEY={line}\n")
    assert settings(tmp_path).root_key == value


def test_toml_takes_lists_and_booleans(tmp_path: Path) -> None:
    (tmp_path / "leadstream.toml").write_text('engagement_topics = ["a:keyed", "b:any"]\nssl_check_hostname = false\n')
    found = settings(tmp_path)
    assert found.engagement_topics == (("a", "keyed"), ("b", "any")) and found.ssl_check_hostname is False


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("partitions", "0", "not an integer from 1"),
        ("partitions", "8.0", "not an integer"),
        ("partitions", "٣", "not an integer"),
        ("engagement_topics", "a", "topic:keyed or topic:any"),
        ("engagement_topics", "a:keyed,a:any", "named twice"),
        ("bootstrap_servers", "kafka", "not host:port"),
        ("prefix", "a b", "not 1-100 of"),
        ("store", "disk", "not one of memory, rocksdb"),
        ("ssl_check_hostname", "maybe", "neither true nor false"),
        ("bootstrap_servers", "localhost:99999", "a port is an integer from 1 to 65535"),
        ("bootstrap_servers", "localhost:0", "a port is an integer from 1 to 65535"),
        ("advertised_url", "worker:6066", "not http(s)"),
        ("advertised_url", "http://worker:99999", "not http(s)"),
        ("advertised_url", "http://::1:6066", "not http(s)"),
        ("advertised_url", "http://:6066", "not http(s)"),
        ("redis_url", "s3cret", "cannot be used"),
    ],
)
def test_an_error_names_variable_and_problem(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {variable_of(name): text}, tmp_path)
    assert caught.value.variable == variable_of(name)
    assert problem in caught.value.problem and "(environment)" in caught.value.problem
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        (".env", "just words", "line 1 is not NAME=value"),
        (".env", b"\xff=1", "not UTF-8"),
        (".env", 'A="b', "line 1 has a quote that does not end"),
        (".env", 'A="b"c', "or text behind it"),
        ("leadstream.toml", "x = ", "Invalid value"),
        ("leadstream.toml", "partition = 3", "no such setting (leadstream.toml); partitions?"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, file: str, text: str | bytes, problem: str) -> None:
    (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path)
    assert problem in str(caught.value)


@pytest.mark.parametrize("file", [".env", "leadstream.toml"])
def test_a_directory_is_no_file_of_settings(tmp_path: Path, file: str) -> None:
    (tmp_path / file).mkdir()
    with pytest.raises(SettingsError, match=f"^{file}: cannot be read: Is a directory$"):
        settings(tmp_path)


@pytest.mark.parametrize("bind", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_in_brackets_in_the_url(tmp_path: Path, bind: str) -> None:
    found = settings(tmp_path, web_bind=bind)
    assert (found.web_bind, found.advertised_url) == ("::1", "http://[::1]:6066")


def test_words_are_taken_whatever_their_case(tmp_path: Path) -> None:
    found = settings(tmp_path, log_level="INFO", security_protocol="sasl_ssl", ssl_check_hostname="Yes")
    assert (found.log_level, found.security_protocol, found.ssl_check_hostname) == ("info", "SASL_SSL", True)


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    given = {name: "redis://s3cret" for name, row in table().items() if row.secret}
    assert len(given) == 4
    assert "s3cret" not in repr(settings(tmp_path, **given))
    rows = effective(given, {}, tmp_path)
    assert [row.value for row in rows if row.value and "s3cret" in row.value] == []
    assert sum(row.value == "***" for row in rows) == len(given)
    assert next(row for row in effective({}, {}, tmp_path) if row.variable == "LEADSTREAM_ROOT_KEY").value is None


def test_settings_are_frozen(tmp_path: Path) -> None:
    found = settings(tmp_path)
    with pytest.raises(FrozenInstanceError):
        found.app_id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert replace(found, app_id="other").app_id == "other"


def test_topics_follow_the_settings(tmp_path: Path) -> None:
    topics = declared_topics(settings(tmp_path, prefix="p", app_id="a", partitions=3, score_changed_days=2))
    assert [spec.name for spec in topics.engagement] == ["p.engagement"]
    assert topics.changelog.name == "a-contacts-changelog" and topics.commands.partitions == 3
    assert topics.score_changed.configs["retention.ms"] == "172800000"
    with pytest.raises(SettingsError, match=r"LEADSTREAM_ENGAGEMENT_TOPICS: two topics are named p\.commands"):
        declared_topics(settings(tmp_path, prefix="p", engagement_topics="p.commands:keyed"))


def test_misspelt_variables_are_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LEADSTREAM_PARTITION=3\nOTHER=1\n")
    environ = {"LEADSTREAM_APPID": "x", "LEADSTREAM_APP_ID": "x", "LEADSTREAM_CACHE_DIR": "/", "PATH": "/"}
    assert unknown_variables(environ, tmp_path) == [
        "LEADSTREAM_APPID", "LEADSTREAM_PARTITION",
    ]  # fmt: skip


def test_every_row_has_a_sentence(tmp_path: Path) -> None:
    assert all(row.doc for row in table().values())


def test_kafka_clients_get_servers_and_security(tmp_path: Path) -> None:
    assert kafka_client_arguments(settings(tmp_path, **SERVERS)) == {
        "bootstrap_servers": ["one:9092", "two:9093"], "security_protocol": "PLAINTEXT",
    }  # fmt: skip
    found = kafka_client_arguments(
        settings(
            tmp_path,
            **SERVERS,
            security_protocol="SASL_SSL",
            sasl_mechanism="scram-sha-512",
            sasl_username="u",
            sasl_password="p",
            ssl_check_hostname=False,
        )
    )
    assert (found["sasl_mechanism"], found["sasl_plain_username"], found["sasl_plain_password"]) == (
        "SCRAM-SHA-512", "u", "p",
    )  # fmt: skip
    assert isinstance(found["ssl_context"], ssl.SSLContext) and not found["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({}, "LEADSTREAM_BOOTSTRAP_SERVERS"),
        ({**SERVERS, "security_protocol": "SASL_PLAINTEXT"}, "LEADSTREAM_SASL_USERNAME"),
        ({**SERVERS, "security_protocol": "SSL", "ssl_cafile": "/none"}, "LEADSTREAM_SSL_CAFILE"),
        ({**SERVERS, "security_protocol": "SSL", "ssl_certfile": "/none"}, "LEADSTREAM_SSL_CAFILE"),
    ],
)
def test_unusable_kafka_settings_are_named(tmp_path: Path, given: dict[str, object], variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        kafka_client_arguments(settings(tmp_path, **given))
    assert caught.value.variable == variable
