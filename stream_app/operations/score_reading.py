"""Scores as the changelog has them, shown as REST shows them: without a worker.

Laws: a score that decays is shown at its partition's clock (D11), under the rules that are in force now; all others as
they were last told.
Reads ``config`` and the changelog; writes nothing.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.ids import contact_key, split_contact_key
from schemas.state import Core
from stream_app.authoring.config_topic import read_config
from stream_app.operations.shown import contact_prefix
from stream_app.operations.state_log import StateLog, read_state
from stream_app.processing.placement import partition_of
from stream_app.processing.sections import CORE_SUFFIX, decode_core
from stream_app.reading.contacts import aged
from stream_app.scoring.profiles import ScoredProfile
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, fold
from stream_app.settings import Settings, declared_topics, kafka_client_arguments


class Known(NamedTuple):
    """A contact of a partition as its core says; ``clock`` is the partition's."""

    contact_id: str
    core: Core
    clock: int


class Shown(NamedTuple):
    """What a profile of a contact shows; ``as_of`` is the instant, in milliseconds, of one that decays."""

    score: int
    as_of: int | None


class Scores:
    """The scores of one org."""

    def __init__(self, settings: Settings, org: str, profiles: Mapping[str, ScoredProfile]) -> None:
        self._settings, self._org = settings, org
        self._profiles = profiles

    @classmethod
    async def of(cls, settings: Settings, org: str) -> "Scores":
        """Read what the org has published."""
        rulebook = fold(EMPTY_RULEBOOK, await read_config(settings)).rulebook
        return cls(settings, org, rulebook.org(org).profiles)

    async def contact(self, contact: str) -> dict[str, Shown] | None:
        """Return what each profile of a contact shows, None when it is unknown."""
        key = contact_key(self._org, contact)
        log = await self._read(partition_of(key, self._settings.partitions), key + CORE_SUFFIX)
        known = next(_known(log), None)
        return None if known is None else {profile: self.shown(known, profile) for profile in known.core.profiles}

    async def partition(self, number: int) -> list[Known]:
        """Return the org's contacts in a partition, in the order of their ids."""
        return sorted(_known(await self._read(number, contact_prefix(self._org))), key=lambda known: known.contact_id)

    def shown(self, known: Known, profile: str) -> Shown:
        """Return what a profile of a contact shows: 0 where it never paid it."""
        core = known.core
        state, as_of = aged(self._profiles.get(profile), core.profiles.get(profile), core.born_at, known.clock)
        return Shown(state.shown, as_of)

    async def _read(self, partition: int, prefix: bytes) -> StateLog:
        client, changelog = kafka_client_arguments(self._settings), declared_topics(self._settings).changelog.name
        return await read_state(
            client, changelog, partition, lambda key: key.startswith(prefix) and key.endswith(CORE_SUFFIX)
        )


def _known(log: StateLog) -> Iterator[Known]:
    """Yield the contacts of a partition."""
    clock = 0 if log.record is None else log.record.clock
    for key, value in log.records.items():
        if key.endswith(CORE_SUFFIX):
            yield Known(split_contact_key(key.removesuffix(CORE_SUFFIX))[1], decode_core(value), clock)
