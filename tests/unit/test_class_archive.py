"""One JVM records a class archive at a time, and only a whole one is ever published."""

import os
from pathlib import Path

import pytest

from stream_app.operations.class_archive import ClassArchive, publish_archive
from stream_app.operations.java import Java


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "broker"
    folder.mkdir()
    return folder


@pytest.fixture(params=["17.0.15", "25.0.2"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> ClassArchive:
    return ClassArchive(Java("/usr/bin/java", request.param), "a.jar", ["-Xmx1m"], tmp_path)


def recorded_file(flags: list[str]) -> Path:
    return Path(flags[0].partition("=")[2])


def test_published_archive_is_used(archive: ClassArchive, folder: Path) -> None:
    assert archive.flags_to_use() == []
    recorded_file(archive.flags_to_record(folder)).write_bytes(b"classes")
    assert archive.flags_to_use() == []
    publish_archive(folder)
    assert recorded_file(archive.flags_to_use()).read_bytes() == b"classes"


def test_nothing_recorded_is_nothing_published(archive: ClassArchive, folder: Path) -> None:
    archive.flags_to_record(folder)
    publish_archive(folder)
    assert archive.flags_to_use() == []


def test_left_over_of_a_killed_recording_is_dropped(archive: ClassArchive, folder: Path) -> None:
    recorded_file(archive.flags_to_record(folder)).write_bytes(b"half")
    archive.flags_to_record(folder)
    publish_archive(folder)
    assert archive.flags_to_use() == []


def test_second_recording_is_refused_until_the_first_ends(archive: ClassArchive) -> None:
    first = archive.claim_recording()
    assert first is not None
    assert archive.claim_recording() is None
    os.close(first)
    again = archive.claim_recording()
    assert again is not None
    os.close(again)


def test_another_java_or_flag_has_an_archive_of_its_own(archive: ClassArchive, folder: Path, tmp_path: Path) -> None:
    recorded_file(archive.flags_to_record(folder)).write_bytes(b"classes")
    publish_archive(folder)
    for java, flags in ((Java("/usr/bin/java", "17.0.16"), ["-Xmx1m"]), (Java("/usr/bin/java", "25.0.2"), [])):
        assert ClassArchive(java, "a.jar", flags, tmp_path).flags_to_use() == []


def test_unwritable_cache_does_not_fail_a_stop(archive: ClassArchive, folder: Path, tmp_path: Path) -> None:
    recorded_file(archive.flags_to_record(folder)).write_bytes(b"classes")
    (folder / "classes.target").write_text(str(tmp_path / "gone" / "classes.jsa"))
    publish_archive(folder)
