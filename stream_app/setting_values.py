"""How the text of a setting becomes its value: one parser for each kind.

Laws: a parser takes text and returns the value, or raises ValueError with a sentence that quotes the text.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

Routing = Literal["keyed", "any"]
EngagementTopics = tuple[tuple[str, Routing], ...]
Parser = Callable[[str], Any]

MAX_PORT: Final = 65_535

_TOPIC_NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def text(text: str) -> str:
    """Take a text as it is."""
    return text


def matching(pattern: re.Pattern[str], what: str) -> Parser:
    """Return a parser of texts that match a pattern as a whole; ``what`` says what they are."""

    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return parse


def integer(least: int, most: int = 2**31 - 1) -> Parser:
    """Return a parser of decimal integers between two bounds, both inclusive."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not an integer from {least} to {most}")
        return int(text)

    return parse


def one_of(*words: str) -> Parser:
    """Return a parser of closed words, whatever their case."""
    spelled = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        if text.lower() not in spelled:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return spelled[text.lower()]

    return parse


def boolean(text: str) -> bool:
    """Read true or false."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is neither true nor false")
    return words[text.lower()]


def servers(text: str) -> str:
    """Read ``host:port``, separated by commas."""
    servers = [server.strip() for server in text.split(",")]
    for server in servers:
        if not (match := _SERVER.fullmatch(server)):
            raise ValueError(f"{server!r} is not host:port")
        if not 0 < int(match[2]) <= MAX_PORT:
            raise ValueError(f"{server!r}: a port is an integer from 1 to {MAX_PORT}")
    return ",".join(servers)


def engagement_topics(text: str) -> EngagementTopics:
    """Read ``topic:keyed`` and ``topic:any``, separated by commas."""
    topics: dict[str, Routing] = {}
    for entry in text.split(","):
        name, _, routing = entry.strip().partition(":")
        if not _TOPIC_NAME.fullmatch(name) or routing not in ("keyed", "any"):
            raise ValueError(f"{entry.strip()!r} is not topic:keyed or topic:any")
        if name in topics:
            raise ValueError(f"{name!r} is named twice")
        topics[name] = cast(Routing, routing)
    return tuple(topics.items())


def address(text: str) -> str:
    """Read a host name or address to listen on; one of IPv6 with or without brackets."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def url_host(address: str) -> str:
    """Return a host name or address as a URL names it: with brackets where it is of IPv6."""
    return f"[{address}]" if ":" in address else address


def url(text: str) -> str:
    """Read ``http(s)://host:port``, without the slash at its end."""
    if not re.fullmatch(r"https?://[^\s/?#]+/?", text):
        raise ValueError(f"{text!r} is not http(s)://host:port")
    try:
        host, _ = (parts := urlsplit(text)).hostname, parts.port
    except ValueError as error:  # a port beyond 65535, an address of IPv6 without brackets
        raise ValueError(f"{text!r} is not http(s)://host:port: {error}") from None
    if not host:
        raise ValueError(f"{text!r} is not http(s)://host:port")
    return text.rstrip("/")


prefix = matching(
    re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"), "1-100 of A-Z a-z 0-9 . _ -, not beginning with a dot"
)
name = matching(re.compile(r"[A-Za-z0-9._-]{1,128}"), "1-128 of A-Z a-z 0-9 . _ -")
redis_url = matching(re.compile(r"(rediss?|unix)://\S+"), "a redis://, rediss:// or unix:// URL")
