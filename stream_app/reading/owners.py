"""Which worker holds a partition now, as the leader of the group told every member.

Laws: never a guess: there is an answer only while the newest assignment stands on this worker, and only where one
member was given every source of the partition's number.  A member that died is At its URL until the group has noticed.
Reads Membership.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from yarl import URL

Members = Mapping[str, Mapping[str, Collection[int]]]


@dataclass(frozen=True, slots=True)
class Here:
    """This worker."""


@dataclass(frozen=True, slots=True)
class At:
    """The member of the group with this advertised URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody that this worker knows of."""

    partition: int
    why: str


Owner = Here | At | Unknown

HERE: Final = Here()
JOINING: Final = "the group is being assigned its partitions"
SPLIT: Final = "no worker holds every source of it"


class Membership(Protocol):
    """What this worker knows of its group."""

    def members(self) -> Members | None:
        """Return what each member was given, by URL and topic; None while the newest assignment does not stand."""
        ...


class Owners:
    """Answers for the partitions ``0..partitions-1`` of these sources."""

    def __init__(self, membership: Membership, sources: Collection[str], partitions: int, own_url: str) -> None:
        self.partitions = partitions
        self._membership = membership
        self._sources = frozenset(sources)
        self._own_url = _plain(own_url)
        self._members: Members | None = None
        self._urls: dict[int, str] = {}

    def of(self, partition: int) -> Owner:
        """Return who holds a partition."""
        members = self._membership.members()
        if members is None:
            return Unknown(partition, JOINING)
        if members is not self._members:
            self._members, self._urls = members, self._holders(members)
        url = self._urls.get(partition)
        if url is None:
            return Unknown(partition, SPLIT)
        return HERE if url == self._own_url else At(url)

    def _holders(self, members: Members) -> dict[int, str]:
        holders: dict[int, str] = {}
        for url, topics in members.items():
            given = [set(topics.get(source, ())) for source in self._sources]
            holders.update(dict.fromkeys(set[int].intersection(*given), _plain(url)))
        return holders


def grouped(owners: Owners, partitions: Collection[int]) -> dict[Here | At, list[int]] | Unknown:
    """Return the partitions by who holds them; Unknown as soon as one has nobody."""
    groups: dict[Here | At, list[int]] = {}
    for partition in sorted(partitions):
        owner = owners.of(partition)
        if isinstance(owner, Unknown):
            return owner
        groups.setdefault(owner, []).append(partition)
    return groups


def _plain(url: str) -> str:
    """Return one spelling of a URL, for Faust rewrites what it was given."""
    return str(URL(url)).rstrip("/")
