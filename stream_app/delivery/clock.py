"""The clock of a partition (S60): pure arithmetic over what has been read.

Laws: it never runs ahead of unread input and never goes back; every move is in the journal, so a replay has the same.
"""

from collections.abc import Mapping


def ceiling(newest: Mapping[str, int], ends: Mapping[str, int | None], reading: str) -> int | None:
    """Return how far the records of ``reading`` may move the clock, None when no other source holds it back.

    ``newest`` maps source to the newest timestamp read there; ``ends`` to when it was read to its end, None while it
    has unread input.  A source of which nothing was read yet holds the clock at 0.
    """
    behind = [newest.get(topic, 0) for topic, end in ends.items() if end is None and topic != reading]
    return min(behind) if behind else None


def after(clock: int, newest: Mapping[str, int], ends: Mapping[str, int | None]) -> int:
    """Return the clock when nothing more is being read: wall time if every source is at its end, else the slowest."""
    # INVARIANT: the_clock_never_goes_back_across_owners
    behind = [newest.get(topic, 0) for topic, end in ends.items() if end is None]
    if behind:
        return max(clock, min(behind))
    return max([clock, min(end for end in ends.values() if end is not None)])
