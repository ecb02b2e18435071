"""A contact of the reference as the changelog keeps it, both ways: sections, each its own record.

Laws: by ``schemas.state``, which only names shapes; ids are hashes on both sides.
Source: decisions 0002, 0005, 0013 and 0015.
"""

import hashlib
from typing import Any

import msgspec

from schemas.state import (
    COMMANDS,
    CORE,
    FACTS,
    HAS_COMMANDS,
    HAS_FACTS,
    HAS_OPEN,
    HAS_VISITS,
    HASH_BYTES,
    ONCE,
    SEGMENT,
    VISITS,
    Alarm,
    Core,
    Facts,
    HalfLifeSums,
    LinearSums,
    Once,
    Parts,
    ProfileState,
    RuleVisits,
    Visits,
)  # fmt: skip
from tests.faults.reference_clock import Silent
from tests.faults.reference_contact import WINDOW, Contact

Sections = dict[bytes, bytes]


def hash_of(text: str) -> str:
    """The first 8 bytes of BLAKE2b, as hex (decision 0002)."""
    return hashlib.blake2b(text.encode()).digest()[:HASH_BYTES].hex()


# ------------------------------------------------------------------------------------------ read
def stored_core(value: bytes) -> Core | None:
    try:
        return msgspec.msgpack.decode(value, type=Core)
    except msgspec.DecodeError:
        return None


def wide_integer(code: int, data: memoryview) -> int:
    """An integer beyond 64 bits, kept as decimal text."""
    return int(data.tobytes())


def as_integer(raw: bytes) -> int:
    return int.from_bytes(raw, signed=True)


def as_bytes(number: int) -> bytes:
    """As few signed bytes as hold a number, one at least."""
    return number.to_bytes(number.bit_length() // 8 + 1, signed=True)


def hashes(raw: bytes) -> list[str]:
    return [raw[i : i + HASH_BYTES].hex() for i in range(0, len(raw), HASH_BYTES)]


def stored_contact(sections: Sections) -> Contact:
    """Return a contact as the reference writes it, its ids as hashes; ValueError when a section is not as it should."""
    core = msgspec.msgpack.decode(sections.get(CORE, b""), type=Core)
    facts = Facts(1)
    if FACTS in sections:
        facts = msgspec.msgpack.decode(sections[FACTS], type=Facts, ext_hook=wide_integer)
    once = {int(name.removeprefix(ONCE)): stored_once(sections[name]) for name in sections if name[:1] == ONCE}
    others = {name for name in sections if name not in (CORE, COMMANDS, FACTS, VISITS) and name[:1] != ONCE}
    segments = {int(name.removeprefix(SEGMENT)): name for name in others}
    has = (HAS_FACTS if FACTS in sections else 0) | (HAS_COMMANDS if COMMANDS in sections else 0)
    visits = stored_visits(sections.get(VISITS))
    has |= (HAS_VISITS if VISITS in sections else 0) | (HAS_OPEN if visits["open"] else 0)
    if core.has != has:
        raise ValueError(f"core says sections {core.has}, there are {has}")
    if core.once != tuple(sorted(once)):
        raise ValueError(f"core says once sections {core.once}, there are {sorted(once)}")
    profiles = {
        name: {
            "total": s.total,
            "awards": s.awards,
            "shown": s.shown,
            "version": s.version,
            "held": list(s.held),
            "groups": dict(s.parts.groups) if s.parts else {},
            "fit": {number: list(paid) for number, paid in s.parts.fit.items()} if s.parts else {},
            "decay": stored_decay(s.decay),
        }
        for name, s in core.profiles.items()
    }
    return {
        "profiles": profiles, "fires": dict(core.fires), "logId": core.log_id, "tags": list(facts.tags),
        "attributes": facts.attributes, "email": facts.email,
        "events": [h for n in sorted(segments) for h in hashes(sections[segments[n]])] + hashes(core.recent),
        "commands": hashes(sections.get(COMMANDS, b"")), "once": once,
        "visits": visits, "newest": core.last_at, "silent": stored_silence(core),
    }  # fmt: skip


def stored_decay(decay: HalfLifeSums | LinearSums | None) -> dict[str, Any] | None:
    if isinstance(decay, HalfLifeSums):
        sums = [[group, as_integer(nano)] for group, nano in decay.sums]
        return {"told": decay.told, "by": {"halfLifeDays": decay.days}, "at": decay.at, "sums": sums}
    if isinstance(decay, LinearSums):
        piles = [[group, day, as_integer(nano), as_integer(moment)] for group, day, nano, moment in decay.piles]
        by = {"percent": decay.percent, "periodDays": decay.days}
        return {"told": decay.told, "by": by, "piles": piles}
    return None


def stored_silence(core: Core) -> Silent:
    since, alarm = core.last_at - core.idle_ms, core.alarm
    known = (0, None, None) if alarm is None else (core.born_at + alarm.acted_ms, alarm.due, alarm.version)
    return Silent(core.born_at, since or None, *known)


def stored_once(value: bytes) -> dict[str, Any]:
    once = msgspec.msgpack.decode(value, type=Once)
    return {"forgotten": once.forgotten, "values": hashes(once.hashes)}


def stored_visits(value: bytes | None) -> dict[str, Any]:
    visits = Visits(1) if value is None else msgspec.msgpack.decode(value, type=Visits)
    rules = {
        rule: {"hits": of_rule.hits, "times": list(of_rule.times), "spent": of_rule.spent}
        for rule, of_rule in visits.rules.items()
    }
    still_open = {"at": visits.opened_at, "rules": visits.open} if visits.open else None
    return {"rules": rules, "open": still_open, "clicks": hashes(visits.clicks)}


# ------------------------------------------------------------------------------------------ written
def parts_of(profile: dict[str, Any]) -> Parts | None:
    if not profile["groups"] and not profile["fit"]:
        return None
    return Parts(profile["groups"], {rule: (paid[0], paid[1]) for rule, paid in profile["fit"].items()})


def decay_of(decay: dict[str, Any] | None) -> HalfLifeSums | LinearSums | None:
    if decay is None:
        return None
    told, by = decay["told"], decay["by"]
    if "halfLifeDays" in by:
        return HalfLifeSums(told, by["halfLifeDays"], decay["at"], tuple((g, as_bytes(n)) for g, n in decay["sums"]))
    piles = tuple((group, day, as_bytes(nano), as_bytes(moment)) for group, day, nano, moment in decay["piles"])
    return LinearSums(told, by["percent"], by["periodDays"], piles)


def profile_of(p: dict[str, Any]) -> ProfileState:
    own = p["total"], p["awards"], p["shown"], p["version"], tuple(p["held"])
    return ProfileState(*own, parts_of(p), decay_of(p["decay"]))


def visits_of(visits: dict[str, Any]) -> tuple[bytes, int]:
    """The visits section and its bits in the core."""
    if not visits["rules"] and not visits["clicks"] and visits["open"] is None:
        return b"", 0
    rules = {rule: RuleVisits(v["hits"], tuple(v["times"]), v["spent"]) for rule, v in visits["rules"].items()}
    opened = visits["open"] or {"at": 0, "rules": {}}
    clicks = b"".join(bytes.fromhex(mark) for mark in visits["clicks"])
    section = msgspec.msgpack.encode(Visits(1, rules, opened["at"], opened["rules"], clicks))
    return section, HAS_VISITS | (HAS_OPEN if opened["rules"] else 0)


def stored(contact: Contact | None) -> Sections:
    """The changelog records of a contact whose ids are whole."""
    if contact is None:
        return {}
    ids = {window: [hash_of(text) for text in contact[window]] for window in ("events", "commands")}
    return sections_of(contact | ids)


def sections_of(contact: Contact) -> Sections:
    """The changelog records of a contact whose ids are hashes; ``dropped`` of the oldest are in no segment any more."""
    dropped = contact.get("dropped", 0)
    events = [bytes.fromhex(text) for text in contact["events"]]
    known = dropped + len(events)
    full = known // 16
    made = {b"k": b"".join(bytes.fromhex(text) for text in contact["commands"][-WINDOW:]), b"f": b""}
    for n in range(max(0, (known - WINDOW) // 16), full):
        made[b"s%d" % n] = b"".join(events[16 * n - dropped : 16 * n + 16 - dropped])
    if contact["tags"] or contact["attributes"] or contact["email"] is not None:
        facts = Facts(1, contact["email"], tuple(contact["tags"]), contact["attributes"])
        made[b"f"] = msgspec.msgpack.encode(facts)
    made[b"v"], seen = visits_of(contact["visits"])
    has = (HAS_FACTS if made[b"f"] else 0) | (HAS_COMMANDS if made[b"k"] else 0) | seen
    profiles = {name: profile_of(p) for name, p in contact["profiles"].items()}
    for rule, memory in contact["once"].items():
        values = b"".join(bytes.fromhex(mark) for mark in memory["values"])
        made[b"o%d" % rule] = msgspec.msgpack.encode(Once(1, memory["forgotten"], values))
    recent, once = b"".join(events[16 * full - dropped :]), tuple(sorted(contact["once"]))
    silent, newest = contact["silent"], contact["newest"]
    alarm = None if silent.knows is None else Alarm(silent.look, silent.knows, silent.acted - silent.born)
    core = Core(
        1, silent.born, newest, contact["logId"], profiles, contact["fires"], recent, full, has, once,
        newest - (silent.interaction or 0), alarm,
    )  # fmt: skip
    made[b"c"] = msgspec.msgpack.encode(core)
    return {name: value for name, value in made.items() if value}
