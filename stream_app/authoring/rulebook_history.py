"""The rulebook of every version, for a replay: versions are asked for in rising order, mostly.

Laws: the rulebook at a version is the fold of all records before it; asking again or further on costs only what is new.
Reads config records given to it.
"""

from collections.abc import Sequence

from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, Rulebook, fold


class UnknownVersion(LookupError):
    """No record of ``config`` gives this version: the topic is not the one that the state was made with."""


class RulebookHistory:
    """All records of ``config``, in offset order."""

    def __init__(self, records: Sequence[ConfigRecord]) -> None:
        self._records = records
        self._folded, self._at = 0, EMPTY_RULEBOOK

    def current(self) -> Rulebook:
        """Return the newest."""
        return self.at(self._records[-1].offset + 1) if self._records else EMPTY_RULEBOOK

    def at(self, version: int) -> Rulebook:
        """Return the one in force at a version; UnknownVersion when no record gives it."""
        if version < self._at.version:
            self._folded, self._at = 0, EMPTY_RULEBOOK
        end = self._folded
        while end < len(self._records) and self._records[end].offset < version:
            end += 1
        if end > self._folded:
            self._at, self._folded = fold(self._at, self._records[self._folded : end]).rulebook, end
        if self._at.version != version:
            raise UnknownVersion(f"config has no rulebook version {version}, the nearest is {self._at.version}")
        return self._at
