"""Bring pinned jars from a Maven repository into the user's cache.

Laws: a jar is used only if its sha256 is the pinned one, also when it comes from the cache; a jar appears in the
cache whole or not at all, so any number of processes may fetch at once.

Reads: kafka_jars.lock, LEADSTREAM_CACHE_DIR, XDG_CACHE_HOME, LEADSTREAM_MAVEN_REPOSITORY, the repository.
Writes: <cache>/jars/.
"""
# pyright: strict

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

LOCK_FILE = Path(__file__).with_name("kafka_jars.lock")
CONNECTIONS = 8
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 1.0

#: Told of each step: what is done, how many are done, how many there are.
Progress = Callable[[str, int, int], None]


class JarMismatch(RuntimeError):
    """A repository sent bytes whose hash is not the pinned one."""


class JarUnavailable(RuntimeError):
    """A repository did not send a jar."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


class Jar(NamedTuple):
    """A pinned Maven artifact."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def repository_path(self) -> str:
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


def cache_dir() -> Path:
    """Name the user's cache: LEADSTREAM_CACHE_DIR, else leadstream under XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("LEADSTREAM_CACHE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "leadstream"


def maven_repository() -> str:
    """Name the repository: LEADSTREAM_MAVEN_REPOSITORY, else Maven Central as the package jgo knows it."""
    named = os.environ.get("LEADSTREAM_MAVEN_REPOSITORY")
    if not named:
        from jgo.constants import MAVEN_CENTRAL_URL as named
    return named.rstrip("/")


def read_lock(path: Path = LOCK_FILE) -> list[Jar]:
    """Parse "group:artifact:version sha256" lines, in order; blank lines and # comments aside."""
    return list(_parse(path.read_text(encoding="utf-8").splitlines()))


def _parse(lines: list[str]) -> Iterator[Jar]:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            yield Jar(group, artifact, version, sha256)


def fetch_jars(jars: list[Jar], cache: Path, progress: Progress = silent) -> list[Path]:
    """Return the jars' files in the given order, fetching what the cache lacks.

    Raises JarMismatch or JarUnavailable, naming the artifact.
    """
    folder = cache / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not _is_good(folder / jar.file_name, jar)]
    if missing:
        repository = maven_repository()
        progress("fetching Kafka", 0, len(missing))
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            fetched = pool.map(partial(_fetch, repository, folder), missing)
            for done, _ in enumerate(fetched, start=1):
                progress("fetching Kafka", done, len(missing))
    return [folder / jar.file_name for jar in jars]


def _is_good(path: Path, jar: Jar) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _fetch(repository: str, folder: Path, jar: Jar) -> None:
    content = _download(f"{repository}/{jar.repository_path}", jar)
    got = hashlib.sha256(content).hexdigest()
    if got != jar.sha256:
        raise JarMismatch(f"{jar.file_name} from {repository}: sha256 is {got}, pinned is {jar.sha256}")
    arriving = folder / f".{jar.file_name}.{uuid.uuid4().hex}"
    arriving.write_bytes(content)
    arriving.replace(folder / jar.file_name)


def _download(address: str, jar: Jar) -> bytes:
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - the operator's own repository; what it sends is checked by hash
                return answer.read()
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection
            failure = error
            if error.code < 500:  # asking again changes nothing
                break
        except (OSError, http.client.HTTPException) as error:  # refused, reset, timed out, cut short
            failure = error
    raise JarUnavailable(f"{jar.file_name}: {failure} ({address})") from failure
