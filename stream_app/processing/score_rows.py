"""CSV of scores as rows: ``contactId,score[,reason]``, columns in any order (contract section 3: imports).

Laws: RFC 4180, UTF-8 with or without byte order mark; every row after the header is a score or a bad row that says why,
blank lines are neither; quotes or bytes that are wrong, and cells of more than CELL_CHARACTERS (a request's body has no
such), spoil the file, because where the next row begins would be a guess.  A cell is data, a formula too; an empty
reason is none.  Line 1 is the header, and a row is at the line where it begins.  Pure; bad data never raises.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from schemas.ids import text_id
from stream_app.processing.command_codec import MAX_REASON_CHARACTERS
from stream_app.scoring.ledger import fits

REQUIRED: Final = ("contactId", "score")
COLUMNS: Final = (*REQUIRED, "reason")
CELL_CHARACTERS: Final = 1024 * 1024
_score: Final = re.compile(r"-?[0-9]{1,19}").fullmatch


class GivenScore(NamedTuple):
    """The score that a contact shall have."""

    line: int
    contact_id: str
    score: int
    reason: str | None


class BadRow(NamedTuple):
    """A row that is none; ``message`` is a sentence."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BadFile:
    """Why the file cannot be read on from a line; ``columns`` are those of the header that are wrong or missing."""

    line: int
    code: Literal["not_utf8", "invalid_csv", "no_header", "unknown_column", "repeated_column", "missing_column"]
    message: str
    columns: tuple[str, ...] = ()


def read_scores(lines: Iterable[bytes]) -> Iterator[GivenScore | BadRow | BadFile]:
    """Yield what the rows of a file are, its lines given with their ends; a BadFile is the last."""
    csv.field_size_limit(CELL_CHARACTERS)  # of the process: 131,072 unless somebody says
    reader = csv.reader(_decoded(lines), strict=True)
    line = 1
    try:
        header = next(reader, list[str]())
        if (bad := _bad_header(header)) is not None:
            yield bad
            return
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield _row(line, header, cells)
            line = reader.line_num + 1
    except UnicodeDecodeError:
        yield BadFile(reader.line_num + 1, "not_utf8", "The line is not UTF-8.")
    except csv.Error as error:
        told = str(error).partition(" - ")[0]
        yield BadFile(line, "invalid_csv", f"The row that begins here is not CSV as RFC 4180 has it: {told}.")


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    for line in lines:
        yield line.decode(encoding)
        encoding = "utf-8"


def _bad_header(header: list[str]) -> BadFile | None:
    """Return what is wrong with a header."""
    if not header:
        return BadFile(1, "no_header", f"Line 1 names the columns: {', '.join(COLUMNS)}, with commas between them.")
    if unknown := tuple(name for name in header if name not in COLUMNS):
        return BadFile(1, "unknown_column", f"The columns are {', '.join(COLUMNS)}, with commas between them.", unknown)
    if len(set(header)) < len(header):
        repeated = tuple(name for name in COLUMNS if header.count(name) > 1)
        return BadFile(1, "repeated_column", "A column stands there once.", repeated)
    if missing := tuple(name for name in REQUIRED if name not in header):
        return BadFile(1, "missing_column", "A score is a contactId and a score.", missing)
    return None


def _row(line: int, header: list[str], cells: list[str]) -> GivenScore | BadRow:
    if len(cells) != len(header):
        return BadRow(line, "wrong_cells", f"{len(cells)} cells under {len(header)} columns.")
    row = dict(zip(header, cells, strict=True))
    try:
        contact_id = text_id(row["contactId"])
    except ValueError as error:
        return BadRow(line, "invalid_contact_id", f"contactId: {error}.")
    if not (_score(row["score"]) and fits(int(row["score"]))):
        return BadRow(line, "invalid_score", "A score is a whole number of 64 bits, written with digits only.")
    reason = row.get("reason") or None
    if reason is not None and len(reason) > MAX_REASON_CHARACTERS:
        return BadRow(line, "invalid_reason", f"A reason has at most {MAX_REASON_CHARACTERS} characters.")
    return GivenScore(line, contact_id, int(row["score"]), reason)
