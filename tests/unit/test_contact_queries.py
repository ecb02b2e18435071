"""One contact's score from committed state, and what its log says."""

import asyncio
from typing import Any

import msgspec
import pytest

from schemas.ids import contact_key
from schemas.state import Core, ProfileState
from stream_app.delivery.handler import Output
from stream_app.delivery.status import PartitionStatus
from stream_app.processing.placement import partition_of
from stream_app.reading.contacts import ContactQueries, ContactScore, NotFound, NotHere
from stream_app.reading.recent_awards import RecentAwards, weight
from stream_app.scoring.rulebook import EMPTY_RULEBOOK
from tests.scoring_kit import published_record, with_records
from tests.unit.web_fakes import SCORES, FakePartitions, change, core, facts

KEY = contact_key("1", "42")


class Reads:
    """Contact 1:42 in its partition, with batches observed."""

    def __init__(self) -> None:
        self.view = FakePartitions()
        self.recent = RecentAwards(SCORES, rows=3, kept_bytes=5 * OUTPUT_BYTES)
        self.names: dict[int, str] = {1: "Opened"}
        self.queries = ContactQueries(self.view, self.recent)
        self.partition = partition_of(KEY, self.view.partition_count)

    def batch(self, seq: int, *outputs: Output) -> None:
        self.recent.observe(self.partition, seq, {SCORES: outputs}, {})
        self.view.status[self.partition] = PartitionStatus(self.partition, "running", seq=seq)

    def score(self, **options: int | str) -> ContactScore:
        answer = asyncio.run(self.queries.score("1", "42", **options))  # type: ignore[arg-type]  # options of score
        assert isinstance(answer, ContactScore)
        return answer


def output(version: int, contact_id: str = "42", **more: int) -> Output:
    body = msgspec.json.encode(change(contact_id, version, **more))
    return contact_key("1", contact_id), body, []


OUTPUT_BYTES = weight([output(1)])


@pytest.fixture
def reads() -> Reads:
    return Reads()


def test_score_and_email_come_from_committed_state(reads: Reads) -> None:
    reads.view.put("42", core(awards=9, total=45), facts("jane@example.com"))
    score = reads.score()
    assert (score.score, score.email, score.version, score.awards, score.points) == (45, "jane@example.com", 9, 9, 45)


def test_earlier_is_state_minus_shown_rows(reads: Reads) -> None:
    reads.view.put("42", core(awards=9, total=45))
    reads.batch(6, output(8), output(9, points=7))
    score = reads.score(limit=1)
    assert [row.log_id for row in score.logs] == [9]
    assert (score.earlier_count, score.earlier_points, score.complete) == (8, 38, False)
    assert [row.log_id for row in reads.score().logs] == [9, 8]


def test_complete_when_every_award_is_known(reads: Reads) -> None:
    reads.view.put("42", core(awards=2, total=10))
    reads.batch(6, output(1))
    reads.batch(7, output(2))
    score = reads.score()
    assert score.complete
    assert (score.earlier_count, score.earlier_points) == (0, 0)
    assert reads.score(limit=1).complete


def test_rows_ahead_of_a_hole_are_not_shown(reads: Reads) -> None:
    reads.view.put("42", core(awards=5, total=25))
    reads.batch(6, output(1), output(2), output(5))
    assert [row.log_id for row in reads.score().logs] == [5]


def test_rows_are_forgotten_when_the_partition_was_elsewhere(reads: Reads) -> None:
    reads.view.put("42", core(awards=2, total=10))
    reads.batch(6, output(1), output(2))
    reads.view.status[reads.partition] = PartitionStatus(reads.partition, "running", seq=9)
    assert reads.score().logs == []
    reads.batch(10)
    assert reads.score().logs == []


def test_erased_contact_leaves_no_rows(reads: Reads) -> None:
    reads.batch(6, output(1), (KEY, None, []))
    reads.view.put("42", core(awards=1, total=5))
    assert reads.score().logs == []


def test_rows_in_memory_are_bounded(reads: Reads) -> None:
    reads.view.put("42", core(awards=5, total=25))
    reads.batch(6, *(output(n) for n in range(1, 6)))
    assert [row.log_id for row in reads.score(limit=100).logs] == [5, 4, 3]
    reads.batch(7, output(1, "a"), output(1, "b"))
    assert len(reads.score().logs) == 3
    reads.batch(8, *(output(n, "a") for n in range(2, 6)))
    reads.batch(9, output(6, "a"))
    assert reads.score().logs == []


def test_deleted_rule_reads_as_null_and_renamed_one_by_its_live_name(reads: Reads) -> None:
    names = {7: "Opened a mail"}
    reads.queries = ContactQueries(reads.view, reads.recent, rule_name=lambda org, rule: names.get(rule))
    reads.view.put("42", core(awards=2, total=10))
    reads.batch(6, output(1, rule_id=6), output(2, rule_id=7))
    assert [(r.rule_id, r.rule_name, r.reason) for r in reads.score().logs] == [
        (7, "Opened a mail", "Rule: Email opened"),
        (None, None, "Rule: Email opened"),
    ]


def test_logs_are_of_the_asked_profile(reads: Reads) -> None:
    profiles = {"default": ProfileState(5, 1, 5, 1), "fit": ProfileState(3, 1, 3, 1)}
    reads.view.put("42", Core(1, 1, 1, 2, profiles, {}))
    fit = msgspec.json.encode(change("42", 2, points=3, profile_id="fit"))
    reads.batch(6, output(1), (KEY, fit, []))
    assert [row.log_id for row in reads.score().logs] == [1]
    assert [row.points for row in reads.score(profile_id="fit").logs] == [3]


def test_S3_a_published_profile_shows_0_before_its_first_award(reads: Reads) -> None:
    published = with_records(EMPTY_RULEBOOK, published_record(0, "fit")).org("1").profiles
    reads.queries = ContactQueries(reads.view, reads.recent, profiles=lambda _: published)
    reads.view.put("42", core(awards=1, total=5))
    answer = reads.score(profile_id="fit")
    assert (answer.score, answer.version, answer.awards, answer.logs) == (0, 0, 0, [])
    assert asyncio.run(reads.queries.score("1", "42", profile_id="draft")) == NotFound("profile")


@pytest.mark.parametrize("limits", [{"floor": 10}, {"ceiling": -5}, {"groups": [{"name": "mail", "min": 3}]}])
def test_a_profile_that_never_paid_a_contact_shows_0_whether_or_not_it_decays(
    reads: Reads, limits: dict[str, Any]
) -> None:
    reads.view.put("42", core(awards=1, total=5))
    for decay in (None, {"halfLifeDays": 1}):
        published = with_records(EMPTY_RULEBOOK, published_record(0, "fit", decay=decay, **limits)).org("1").profiles
        reads.queries = ContactQueries(reads.view, reads.recent, profiles=lambda _, told=published: told)
        answer = reads.score(profile_id="fit")
        assert (answer.score, answer.version, answer.as_of is None) == (0, 0, decay is None)


def test_unknown_contact_and_profile_are_not_found(reads: Reads) -> None:
    assert asyncio.run(reads.queries.score("1", "42")) == NotFound("contact")
    reads.view.put("42", core(awards=1, total=5))
    assert asyncio.run(reads.queries.score("2", "42")) == NotFound("contact")
    assert asyncio.run(reads.queries.score("1", "42", profile_id="fit")) == NotFound("profile")


def test_known_contact_without_a_default_score_has_zero(reads: Reads) -> None:
    reads.view.put("42", Core(1, 1, 1, 0, {}, {}))
    score = reads.score()
    assert (score.score, score.version, score.complete) == (0, 0, True)


@pytest.mark.parametrize(
    ("status", "reason"), [("restoring", "restoring"), ("opening", "restoring"), ("stopped", "stopped")]
)
def test_partition_that_does_not_run_answers_not_here(reads: Reads, status: str, reason: str) -> None:
    del reads.view.stores[reads.partition]
    reads.view.status[reads.partition] = PartitionStatus(reads.partition, status, why="because")  # type: ignore[arg-type]  # literal by parametrize
    answer = asyncio.run(reads.queries.score("1", "42"))
    assert answer == NotHere(reads.partition, reason, "because")  # type: ignore[arg-type]  # literal by parametrize


def test_partition_of_another_worker_answers_not_here(reads: Reads) -> None:
    del reads.view.stores[reads.partition], reads.view.status[reads.partition]
    assert asyncio.run(reads.queries.score("1", "42")) == NotHere(reads.partition, "elsewhere")
