"""State of one contact as the changelog keeps it: sections, each its own record.

A record key is ``<contact key> NUL <section>``.  Sections and their bounds:

=========  ==========================================================================================
``c``      core: times, profiles, fire counts, the newest event-id hashes; MessagePack array; aim 300 bytes,
           and 20 to 30 bytes for each group (and day with awards, at most 400) of a decaying profile
``s<n>``   full segment n of 16 event-id hashes of 8 bytes, written once; raw bytes
``k``      the newest 256 command-id hashes of 8 bytes, oldest first; raw bytes
``f``      facts: e-mail, tags, attributes; MessagePack array; at most 256 KiB (the record limit)
``o<id>``  once: hashes of the newest 1,000 values that rule <id> has paid for; MessagePack array; 8 KiB
``v``      visits: what page rules remember of visits; MessagePack array; 100 bytes a rule, 2 KiB of click ids
=========  ==========================================================================================

Laws: the first element of every MessagePack section is its schema version; version N is read by programs N and N+1.
A section that would be empty has no record.  Source: delivery section 4, decisions 0002, 0005, 0013, 0015.
"""

from typing import Any, Final

import msgspec

SCHEMA_VERSION: Final = 1
SEPARATOR: Final = b"\x00"
CORE: Final = b"c"
SEGMENT: Final = b"s"
COMMANDS: Final = b"k"
FACTS: Final = b"f"
ONCE: Final = b"o"
VISITS: Final = b"v"

HASH_BYTES: Final = 8
SEGMENT_HASHES: Final = 16
COMMAND_HASHES: Final = 256
ONCE_VALUES: Final = 1000
CLICK_HASHES: Final = 256
VISIT_TIMES: Final = 8
LINEAR_DAYS: Final = 400
LINEAR_BYTES: Final = 128_000

HAS_FACTS: Final = 1
HAS_COMMANDS: Final = 2
HAS_VISITS: Final = 4
HAS_OPEN: Final = 8


class Parts(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What a profile's total is made of, as far as something asks for it.

    ``groups`` maps a rule group to the sum of the awards paid in it (S34); ``fit`` a fit rule's id to the points that
    it is paying now, never 0, and the group that they count in (S36).
    """

    groups: dict[str, int] = {}
    fit: dict[int, tuple[int, str | None]] = {}


class HalfLifeSums(msgspec.Struct, array_like=True, gc=False, frozen=True, tag="h"):
    """What is left of a profile's awards where it halves in each ``days`` (S38, decision 0015).

    ``told`` is the clock of its last ScoreChanged, ``at`` the instant of the sums; milliseconds. ``sums`` holds (group,
    10^-9 points) in order of groups, None first: signed big-endian bytes, for they may leave int64; never 0. 20 bytes a
    group.
    """

    told: int
    days: int
    at: int
    sums: tuple[tuple[str | None, bytes], ...] = ()


class LinearSums(msgspec.Struct, array_like=True, gc=False, frozen=True, tag="l"):
    """What is left of a profile's awards where each loses ``percent`` in each ``days``, until nothing is left.

    ``told`` as above. ``piles`` holds (group, UTC day, 10^-9 points, the same times ms within the day, bytes as above),
    in that order; of one day and group the gains and the losses apart. At most LINEAR_DAYS of each, and of a
    contact's profiles together some LINEAR_BYTES: 25 bytes a pile and its group's name.
    """

    told: int
    percent: int
    days: int
    piles: tuple[tuple[str | None, int, bytes, bytes], ...] = ()


DecaySums = HalfLifeSums | LinearSums


class ProfileState(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One profile's score of one contact.

    ``total`` is the sum of all awards ever logged and ``awards`` their number (S2, D18); ``shown`` what readers see,
    after limits, groups and formula (D1);
    ``version`` the number of ScoreChanged sent; ``held`` the thresholds that count as up although the shown score has
    fallen below them, because of hysteresis (S40, D7), ascending; ``parts`` is None where there is nothing to say,
    ``decay`` unless the profile decays (S38).
    """

    total: int = 0
    awards: int = 0
    shown: int = 0
    version: int = 0
    held: tuple[int, ...] = ()
    parts: Parts | None = None
    decay: DecaySums | None = None


class Alarm(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """When the clock is to look at a contact (S37, decision 0014).

    ``due`` lies at or before the contact's earliest due time, None when it has none; ``version`` is that of the clock
    rules it was found with; due times of silence up to ``acted_ms`` after the contact's birth are over: they have had
    their effect, or the clock was there before the contact was known (below 0: it was not yet at the birth).
    Milliseconds.
    """

    due: int | None = None
    version: int = 0
    acted_ms: int = 0


class Core(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What nearly every input touches.

    ``born_at`` and ``last_at`` are milliseconds: the clock at the first accepted input, or that input's own time where
    that is later (decision 0014), and the newest event time.
    ``log_id`` is the last award's. ``fires`` maps rule id to fire count; a rule that came back after its deletion, the
    n-th time, is remembered as id + n * 2^32, here, in ``once`` and in visits (S12). ``recent`` holds the newest
    event-id hashes that are not in a full segment yet (0-15), oldest first; ``segments`` the number of full segments
    ever written.
    ``has`` is a bit set of the sections that exist beside this one, and of a visit being open (HAS_OPEN, decision
    0013); ``once`` the ids of the rules that have a once section, ascending: each has a fire count too (decision 0005).
    ``idle_ms`` is how long before ``last_at`` the newest interaction was (all of ``last_at`` when there was none).
    """

    schema_version: int
    born_at: int
    last_at: int
    log_id: int
    profiles: dict[str, ProfileState]
    fires: dict[int, int]
    recent: bytes = b""
    segments: int = 0
    has: int = 0
    once: tuple[int, ...] = ()
    idle_ms: int = 0
    alarm: Alarm | None = None


class Facts(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What is known of the contact beside its scores; ``tags`` in the order in which they were given."""

    schema_version: int
    email: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    updated_at: int = 0


class Once(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The values that one rule with ``oncePer`` has paid this contact for (S13).

    ``hashes`` holds the newest ONCE_VALUES of them, oldest first, HASH_BYTES each; ``forgotten`` counts those before.
    """

    schema_version: int
    forgotten: int = 0
    hashes: bytes = b""


class RuleVisits(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The visits of one contact that a page rule has counted: of each only what the rule's conditions ask for.

    ``hits`` is their number (S26), ``times`` the newest VISIT_TIMES event times, ascending (S27), ``spent`` the sum of
    dwells (S28); milliseconds.
    """

    hits: int = 0
    times: tuple[int, ...] = ()
    spent: int = 0


class Visits(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What page rules remember of one contact (S25-S28, decision 0013).

    ``open`` maps the rules that measure the dwell of the visit at ``opened_at`` to whether it met all else that they
    ask; ``clicks`` holds the newest CLICK_HASHES click ids that have counted, oldest first, HASH_BYTES each.
    """

    schema_version: int
    rules: dict[int, RuleVisits] = {}
    opened_at: int = 0
    open: dict[int, bool] = {}
    clicks: bytes = b""
