"""``POST /imports``: a CSV of scores that overwrite, answered when Kafka has acknowledged every good row.

Laws: the rows that are scores are sent and the others reported, each at its line; a file that cannot be read to its end
is refused whole; the org is the key's.
Writes through Imports.
"""

from typing import Final

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from schemas.authored import DEFAULT_PROFILE, ProfileId
from schemas.rest import ImportedScores
from stream_app.authoring.drafts import why_unpaid
from stream_app.authoring.problems import EXPLAINED
from stream_app.processing.score_rows import BadFile
from stream_app.reading.imports import Imported, Imports, ScoreImport
from stream_app.reading.orders import Reused
from stream_app.reading.own_writes import NotSent
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.content_encoding import body_of
from stream_app.web.editing import config_of
from stream_app.web.multipart import boundary_of, only_part
from stream_app.web.outcomes import fail, idempotency_key
from stream_app.web.problems import FieldError, Problem, bad_parameter
from stream_app.web.route import Parameter, Route

IMPORTS: Final = web.AppKey("imports", Imports)
CSV: Final = "text/csv"
FORM: Final = "multipart/form-data"
UTF8: Final = frozenset({"utf-8", "utf8"})
_profile_id: Final[TypeAdapter[str]] = TypeAdapter(ProfileId)


async def post_import(request: web.Request) -> web.Response:
    """Overwrite scores."""
    org_id, key = org_of(request), idempotency_key(request)
    profile_id, fire_triggers = _profile(request, org_id), _flag(request, "fireTriggers")
    order = ScoreImport(org_id, profile_id, fire_triggers, request[PRINCIPAL].key_id, key)
    answer = await request.app[IMPORTS].take(order, await _file(request))
    match answer:
        case Imported(accepted, rejected_count, rejected):
            report = [row._asdict() for row in rejected]
            return data({"accepted": accepted, "rejectedCount": rejected_count, "rejected": report}, status=202)
        case BadFile():
            raise Problem(400, answer.code, f"Line {answer.line}: {answer.message}", errors=_told(answer))
        case Reused():
            detail = "This Idempotency-Key came with another import before."
            raise Problem(422, "idempotency_key_reused", detail)
        case NotSent():
            fail(answer, "", repeatable=key is not None)


async def _file(request: web.Request) -> bytes:
    """Return the CSV of a request, the body itself or a form's one file; Problem 400, 413 or 415."""
    if request.content_type == CSV and (request.charset or "utf-8").lower() in UTF8:
        return await body_of(request)
    if request.content_type != FORM:
        detail = f"Send the scores as {CSV} in UTF-8, or as the one file of {FORM}."
        raise Problem(415, "unsupported_media_type", detail)
    boundary = boundary_of(request.headers["Content-Type"])
    file = None if boundary is None else only_part(await body_of(request), boundary)
    if file is None:
        raise Problem(400, "invalid_form", "The form is not one of exactly one part, the file.")
    return file


def _profile(request: web.Request, org_id: str) -> str:
    """Return the profile that is asked for; Problem 400 when it takes no points."""
    asked = request.query.get("profileId", DEFAULT_PROFILE)
    if asked == DEFAULT_PROFILE:
        return asked
    try:
        _profile_id.validate_python(asked)
    except ValidationError:
        raise bad_parameter("profileId", "a profile id is [a-z0-9_-]{1,64}") from None
    if (reason := why_unpaid(config_of(request), org_id, asked)) is not None:
        raise bad_parameter("profileId", reason)
    return asked


def _flag(request: web.Request, name: str) -> bool:
    asked = request.query.get(name, "false")
    if asked not in ("true", "false"):
        raise bad_parameter(name, "true or false")
    return asked == "true"


def _told(bad: BadFile) -> list[FieldError]:
    """Return a file's fault as errors; a pointer is the line, for a header with the column."""
    if not bad.columns:
        return [FieldError(f"/{bad.line}", bad.code, bad.message)]
    names = (name.replace("~", "~0").replace("/", "~1") for name in bad.columns[:EXPLAINED])
    return [FieldError(f"/{bad.line}/{name}", bad.code, bad.message) for name in names]


ROUTES: Final = (
    Route(
        method="POST", path="/imports", handler=post_import, scope="write", media=(CSV, FORM), answer=ImportedScores,
        statuses=(202, 422, 503), idempotent=True,
        summary="Overwrite scores from CSV: contactId,score[,reason]; bad rows are reported, good ones taken",
        query=(
            Parameter("profileId", {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}, "Which score; `default`"),
            Parameter("fireTriggers", {"type": "boolean"}, "Whether crossings are announced; they are not"),
        ),
    ),
)  # fmt: skip
