"""Bugs of decay planted in the logs of an honest deployment (S38)."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import msgspec

from schemas.state import Core, HalfLifeSums, LinearSums, ProfileState
from tests.faults.logs import Logs
from tests.faults.planted_logs import SCORES, changed
from tests.faults.reference_decay import NANO, half_up

DECAYED = re.compile(rb'"id":"clock-(\d+)-decay-')


def decayed(logs: Logs) -> list[int]:
    """Where time itself has moved a score, in partition 0."""
    return [n for n, entry in enumerate(logs.of(SCORES, 0)) if DECAYED.search(entry.value or b"")]


def lose_tick(logs: Logs) -> None:
    told = decayed(logs)
    del logs.of(SCORES, 0)[told[len(told) // 2]]


def tell_tick_twice(logs: Logs) -> None:
    log = logs.of(SCORES, 0)
    log.append(log[decayed(logs)[-1]])


def tell_tick_a_moment_later(logs: Logs) -> None:
    log, n = logs.of(SCORES, 0), decayed(logs)[0]
    due = DECAYED.search(log[n].value or b"")
    number = 0 if due is None else int(due.group(1))
    log[n] = replace(log[n], value=(log[n].value or b"").replace(b"clock-%d-" % number, b"clock-%d-" % (number + 1)))


def tell_silence_first(logs: Logs) -> None:
    """Decay and a silence of the same instant, profile and contact change places."""
    log = logs.of(SCORES, 0)
    for n in decayed(logs):
        body = json.loads(log[n].value or b"")
        due = body["id"].split("-")[1]
        for later in range(n + 1, min(n + 20, len(log))):
            other = json.loads(log[later].value or b"{}")
            same = log[later].key == log[n].key and other.get("profileId") == body["profileId"]
            if same and other["id"].startswith(f"clock-{due}-"):
                log[n], log[later] = log[later], log[n]
                return
    raise AssertionError("no silence falls due with decay")


def round_a_score_up(logs: Logs) -> None:
    log, n = logs.of(SCORES, 0), decayed(logs)[1]
    log[n] = changed(log[n], score=json.loads(log[n].value or b"")["score"] + 1)


def change_decay(logs: Logs, kind: type[HalfLifeSums | LinearSums], change: Callable[[Any], Any]) -> None:
    """Write the newest core of a contact again, with something else left of one of its profiles."""
    log = logs.of(logs.changelog, 0)
    last = {entry.key: entry for entry in log if entry.key and entry.key.endswith(b"\x00c")}
    for entry in last.values():
        core = None if entry.value is None else msgspec.msgpack.decode(entry.value, type=Core)
        for name, state in {} if core is None else core.profiles.items():
            if core is not None and isinstance(state.decay, kind) and change(state.decay) != state.decay:
                other: ProfileState = msgspec.structs.replace(state, decay=change(state.decay))
                core = msgspec.structs.replace(core, profiles=core.profiles | {name: other})
                log.append(replace(entry, value=msgspec.msgpack.encode(core)))
                return
    raise AssertionError("no such state")


def move_told(logs: Logs) -> None:
    change_decay(logs, HalfLifeSums, lambda kept: msgspec.structs.replace(kept, told=kept.told + 1))


def keep_whole_points(logs: Logs) -> None:
    def rounded(raw: bytes) -> bytes:
        nano = half_up(Fraction(int.from_bytes(raw, signed=True), NANO)) * NANO
        return nano.to_bytes(nano.bit_length() // 8 + 1, signed=True)

    change_decay(logs, HalfLifeSums, lambda kept: msgspec.structs.replace(
        kept, sums=tuple((group, rounded(raw)) for group, raw in kept.sums)))  # fmt: skip


def forget_pile(logs: Logs) -> None:
    change_decay(logs, LinearSums, lambda kept: msgspec.structs.replace(kept, piles=kept.piles[1:]))


IN_LOGS: list[tuple[Callable[[Logs], None], str]] = [
    (lose_tick, "lost output"), (tell_tick_twice, "double output"), (tell_tick_a_moment_later, "lost output"),
    (tell_silence_first, "wrong order"), (round_a_score_up, "wrong output"), (move_told, "wrong state"),
    (keep_whole_points, "wrong state"), (forget_pile, "wrong state"),
]  # fmt: skip
