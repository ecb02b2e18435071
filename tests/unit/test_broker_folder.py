"""A broker's folder keeps its ports and its formatted storage, and never points at a stranger's process."""

import hashlib
import os
import socket
from pathlib import Path

import pytest

from stream_app.operations.broker import BrokerNotStarted, EmbeddedKafka
from stream_app.operations.broker_folder import PORT_RANGE, BrokerFolder, Ports, free_port, port_is_free

CLASS_PATH = "a.jar:b.jar"


@pytest.fixture
def folder(tmp_path: Path) -> BrokerFolder:
    return BrokerFolder(tmp_path / "broker")


def test_ports_are_chosen_once_and_kept(folder: BrokerFolder) -> None:
    assert folder.ports is None
    chosen = folder.keep_ports(None)
    assert chosen.broker != chosen.controller
    assert folder.keep_ports(None) == folder.ports == chosen


def test_given_port_wins_over_a_kept_one(folder: BrokerFolder) -> None:
    kept = folder.keep_ports(None)
    given = free_port(kept.broker)
    assert folder.keep_ports(given).broker == given
    assert folder.keep_ports(None).broker == given
    assert len(set(folder.keep_ports(folder.keep_ports(None).controller))) == 2


def test_free_port_is_one_that_nothing_listens_on() -> None:
    port = free_port()
    assert port in PORT_RANGE
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not port_is_free(port)


def test_own_properties_win_and_backslashes_survive(folder: BrokerFolder) -> None:
    folder.keep_ports(None)
    folder.write_properties(Ports(1, 2), {"num.io.threads": "7", "some.path": "a\\b"})
    lines = folder.properties.read_text().splitlines()
    assert "num.io.threads=7" in lines
    assert "some.path=a\\\\b" in lines
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:1" in lines
    assert len({line.partition("=")[0] for line in lines}) == len(lines)


def test_each_folder_is_a_cluster_of_its_own_and_formatted_once(tmp_path: Path) -> None:
    template = tmp_path / f"formatted-{hashlib.sha256(CLASS_PATH.encode()).hexdigest()[:12]}"
    template.mkdir()
    (template / "meta.properties").write_text("#\nversion=1\ncluster.id=same\ndirectory.id=same\nnode.id=1\n")
    folders = [BrokerFolder(tmp_path / name) for name in ("first", "second", "first")]
    found: list[str] = []
    for folder in folders:
        folder.keep_ports(None)
        folder.format("no-java-needed", CLASS_PATH, tmp_path)
        found.append((folder.storage / "meta.properties").read_text())
    assert "same" not in found[0]
    assert found[0] != found[1]
    assert found[0] == found[2]


def test_recycled_pid_is_never_signalled(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    kafka = EmbeddedKafka(tmp_path)
    assert kafka.pid is None
    kafka.stop()
    kafka.kill()


@pytest.mark.parametrize("text", ["", "no number", "99999999"])
def test_unreadable_or_dead_pid_means_no_broker(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert EmbeddedKafka(tmp_path).pid is None


def test_address_before_the_first_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokerNotStarted, match=str(tmp_path)):
        _ = EmbeddedKafka(tmp_path).bootstrap
