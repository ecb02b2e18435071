"""CSV of scores as rows: what is a score, what is a bad row, what spoils the file."""

import io
from typing import Any

import pytest

from stream_app.processing.score_rows import BadFile, BadRow, GivenScore, read_scores

NO_SCORES = (
    "", " 7", "+7", "7.0", "1e3", "NaN", "=1", "--1", '"1,000"', "٣", "1_0", "9223372036854775808",
    "-9223372036854775809", "9" * 5000,
)  # fmt: skip


def rows(file: bytes) -> list[Any]:
    return list(read_scores(io.BytesIO(file)))


def scores(file: bytes) -> list[tuple[int, str, int, str | None]]:
    found = rows(file)
    assert all(isinstance(row, GivenScore) for row in found), found
    return [tuple(row) for row in found]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (b"contactId,score\n42,7\n", [(2, "42", 7, None)]),
        (b"contactId,score\r\n42,7", [(2, "42", 7, None)]),
        (b"\xef\xbb\xbfcontactId,score\n42,7\n", [(2, "42", 7, None)]),
        (b'"score","contactId"\n"7","42"\n', [(2, "42", 7, None)]),
        (b"reason,score,contactId\nfrom CRM,-3,a:b\n", [(2, "a:b", -3, "from CRM")]),
        (b"contactId,score,reason\n1,1,\n", [(2, "1", 1, None)]),
        (b"contactId,score\n\n1,1\n\r\n2,2\n\n", [(3, "1", 1, None), (5, "2", 2, None)]),
        (b'contactId,score,reason\n1,1,"a ""b"",\r\nc"\n2,2,d\n', [(2, "1", 1, 'a "b",\r\nc'), (4, "2", 2, "d")]),
        (b"contactId,score,reason\n=1+1,5,@SUM(A1)\n", [(2, "=1+1", 5, "@SUM(A1)")]),
        ("contactId,score\n\ufeffä€😀,0\n".encode(), [(2, "\ufeffä€😀", 0, None)]),
        (b"contactId,score\n042,-007\n 42,-0\n", [(2, "042", -7, None), (3, " 42", 0, None)]),
        (b"contactId,score\n1,9223372036854775807\n2,-9223372036854775808\n",
         [(2, "1", 2**63 - 1, None), (3, "2", -(2**63), None)]),
        (b"contactId,score\n", []), (b"score,contactId,reason", []),
    ],
)  # fmt: skip
def test_rows_that_are_scores(file: bytes, expected: list[tuple[int, str, int, str | None]]) -> None:
    assert scores(file) == expected


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"42", "wrong_cells"), (b"42,7,x", "wrong_cells"), (b" ", "wrong_cells"), (b"42;7", "wrong_cells"),
        (b",7", "invalid_contact_id"), (b"a\x00b,7", "invalid_contact_id"), (b'"a\nb",7', "invalid_contact_id"),
        (b"x" * 129 + b",7", "invalid_contact_id"), (b"\xc2\x85,7", "invalid_contact_id"),
        *((b"42," + text.encode(), "invalid_score") for text in NO_SCORES),
        (b"42," + b"x" * 1_000_000, "invalid_score"), (b'42,"' + b"\n" * 200_000 + b'"', "invalid_score"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_the_others_stay(row: bytes, code: str) -> None:
    first, bad, *after = rows(b"contactId,score\n1,1\n" + row + b"\n3,3\n")
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (3, code)
    assert bad.message.endswith(".")
    assert [one.contact_id for one in (first, *after)] == ["1", "3"]


def test_a_reason_has_500_characters_at_most() -> None:
    good, bad = rows(b"contactId,score,reason\n1,1," + "ä".encode() * 500 + b"\n2,2," + b"x" * 501)
    assert (good.reason, bad) == ("ä" * 500, BadRow(3, "invalid_reason", "A reason has at most 500 characters."))


@pytest.mark.parametrize(
    ("file", "line", "code", "columns", "before"),
    [
        (b"", 1, "no_header", (), 0), (b"\n42,7\n", 1, "no_header", (), 0),
        (b"contactId;score\n", 1, "unknown_column", ("contactId;score",), 0),
        (b"contactId,score,email,reason,\n", 1, "unknown_column", ("email", ""), 0),
        (b"contactid,Score\n", 1, "unknown_column", ("contactid", "Score"), 0),
        (b"contactId, score\n", 1, "unknown_column", (" score",), 0),
        (b"score,contactId,score\n", 1, "repeated_column", ("score",), 0),
        (b"reason\n", 1, "missing_column", ("contactId", "score"), 0),
        (b"42,7\n43,8\n", 1, "unknown_column", ("42", "7"), 0),
        (b"contactId,score\n1,1\n\xff,2\n3,3\n", 3, "not_utf8", (), 1),
        ("contactId,score\n".encode("utf-16"), 1, "not_utf8", (), 0),
        (b'contactId,score\n1,1\n"2"x,2\n3,3\n', 3, "invalid_csv", (), 1),
        (b'contactId,score\n1,1\n"2,2\n3,3\n', 3, "invalid_csv", (), 1),
        (b"contactId,score\n1,1\r2,2\r", 2, "invalid_csv", (), 0),
        (b'contactId,score\n"1\n2",1\n' + b"x" * 1_100_000 + b",2\n", 4, "invalid_csv", (), 1),
    ],
)  # fmt: skip
def test_what_spoils_the_file_ends_it(file: bytes, line: int, code: str, columns: tuple[str, ...], before: int) -> None:
    *good, bad = rows(file)
    assert isinstance(bad, BadFile)
    assert (bad.line, bad.code, bad.columns, len(good)) == (line, code, columns, before)
    assert bad.message.endswith(".")
