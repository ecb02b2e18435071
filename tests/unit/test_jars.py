"""A jar is used only if its hash is the pinned one, and appears in the cache whole or not at all."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stream_app.operations import jars
from stream_app.operations.jars import Jar, JarMismatch, JarUnavailable, fetch_jars, read_lock

CONTENT = b"the jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())
PATH = "/org/example/thing/1.0/thing-1.0.jar"


class Repository:
    """A Maven repository on this machine: `answers` are given in order, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = [(200, CONTENT)]
        self.asked: list[str] = []

    def next_answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = repository.next_answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(CONTENT)))  # a shorter answer is one that was cut
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setattr(jars, "FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        monkeypatch.setenv("LEADSTREAM_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield repository
        server.shutdown()


def test_jar_is_fetched_once_and_progress_told(repository: Repository, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    assert fetch_jars([JAR], tmp_path, lambda *step: steps.append(step)) == [tmp_path / "jars" / "thing-1.0.jar"]
    assert fetch_jars([JAR], tmp_path)[0].read_bytes() == CONTENT
    assert repository.asked == [PATH]
    assert steps == [("fetching Kafka", 0, 1), ("fetching Kafka", 1, 1)]


def test_jar_with_another_hash_is_refused_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    repository.answers = [(200, b"not jar")]
    with pytest.raises(JarMismatch, match=r"thing-1\.0\.jar"):
        fetch_jars([JAR], tmp_path)
    assert list((tmp_path / "jars").iterdir()) == []


def test_damaged_jar_of_the_cache_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    [path] = fetch_jars([JAR], tmp_path)
    path.write_bytes(b"damaged")
    assert fetch_jars([JAR], tmp_path)[0].read_bytes() == CONTENT


@pytest.mark.parametrize("failure", [(503, b""), (200, CONTENT[:3])], ids=["busy", "cut short"])
def test_passing_failure_is_asked_again(repository: Repository, tmp_path: Path, failure: tuple[int, bytes]) -> None:
    repository.answers = [failure, failure, (200, CONTENT)]
    fetch_jars([JAR], tmp_path)
    assert len(repository.asked) == 3


def test_lasting_failure_is_named(repository: Repository, tmp_path: Path) -> None:
    repository.answers = [(503, b"")]
    with pytest.raises(JarUnavailable, match=re.escape(PATH)):
        fetch_jars([JAR], tmp_path)
    assert len(repository.asked) == jars.ATTEMPTS


def test_absent_jar_is_asked_for_once(repository: Repository, tmp_path: Path) -> None:
    repository.answers = [(404, b"")]
    with pytest.raises(JarUnavailable, match="404"):
        fetch_jars([JAR], tmp_path)
    assert repository.asked == [PATH]


def test_lock_file_pins_each_jar_once() -> None:
    pinned = read_lock()
    assert len({jar.file_name for jar in pinned}) == len(pinned)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in pinned)
    assert {jar.version for jar in pinned if jar.group == "org.apache.kafka"} == {"4.1.1"}


def test_cache_is_named_by_leadstream_then_xdg_then_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEADSTREAM_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert jars.cache_dir() == tmp_path / "own"
    monkeypatch.delenv("LEADSTREAM_CACHE_DIR")
    assert jars.cache_dir() == tmp_path / "xdg" / "leadstream"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert jars.cache_dir() == tmp_path / ".cache" / "leadstream"


def test_maven_central_is_the_repository_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADSTREAM_MAVEN_REPOSITORY", raising=False)
    assert "maven" in jars.maven_repository()
    monkeypatch.setenv("LEADSTREAM_MAVEN_REPOSITORY", "https://mirror.example/maven/")
    assert jars.maven_repository() == "https://mirror.example/maven"
