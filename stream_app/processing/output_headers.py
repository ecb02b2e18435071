"""Headers of outputs: the content type alone, or CloudEvents in binary mode (contract: Headers on outputs)."""

from typing import Final, Literal

from stream_app.scoring.ledger import Output

HeaderStyle = Literal["minimal", "cloudevents"]
HeaderList = list[tuple[str, bytes | None]]

# shared lists: whoever sends them does not change them
MINIMAL: Final[HeaderList] = [("content-type", b"application/json")]
NO_HEADERS: Final[HeaderList] = []
SOURCE: Final = b"leadstream"


def cloudevents(output: Output, kind: str, key: bytes) -> HeaderList:
    """Return the headers of one output; ``kind`` is the last part of its topic, ``key`` the contact's."""
    return [
        *MINIMAL,
        ("ce_specversion", b"1.0"),
        ("ce_id", output.id.encode()),
        ("ce_type", f"io.leadstream.{kind}.v1".encode()),
        ("ce_source", SOURCE),
        ("ce_subject", key),
        ("ce_time", output.occurred_at.encode()),
    ]
