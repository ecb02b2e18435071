"""A form that holds one file (RFC 7578, RFC 2046): what a browser and ``curl -F`` send.

Laws: the file's bytes as they are, whatever the part's headers say of them; anything but one whole part is none.  Pure.
"""

from email.message import Message

PART_END = b"\r\n--"
HEAD_END = b"\r\n\r\n"


def boundary_of(content_type: str) -> str | None:
    """Return the boundary that a Content-Type names, None when that cannot be told."""
    header = Message()
    header["Content-Type"] = content_type
    try:
        return header.get_boundary() or None
    except ValueError:  # of a character set (RFC 2231) that Python refuses to look up
        return None


def only_part(body: bytes, boundary: str) -> bytes | None:
    """Return what the one part of a form holds; None when there is not exactly one, or it has no end."""
    _, *pieces = (b"\r\n" + body).split(PART_END + boundary.encode(errors="surrogateescape"))
    if len(pieces) != 2 or not pieces[1].startswith(b"--"):
        return None
    head, blank, content = pieces[0].partition(HEAD_END)
    return content if blank and head.lstrip(b" \t").startswith(b"\r\n") else None
