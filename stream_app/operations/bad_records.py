"""Ways to break a good record, by the reason of the dead letter that it must become.

Laws: each breaks one thing; a good record is as ``generator`` writes it.
"""

from collections.abc import Callable, Mapping
from typing import Final

KeyAndValue = tuple[bytes | None, bytes | None]
Breaker = Callable[[bytes, bytes], KeyAndValue]
Breakers = Mapping[str, tuple[Breaker, ...]]

NOT_JSON: Final[tuple[Breaker, ...]] = (
    lambda key, value: (key, value[:-1]),
    lambda key, _value: (key, b""),
    lambda key, value: (key, b"\xff" + value),
    lambda key, value: (key, b"\xef\xbb\xbf" + value),
    lambda key, value: (key, value.replace(b"{", b'{"x":NaN,', 1)),
)
NULL: Final[tuple[Breaker, ...]] = (lambda key, _value: (key, None),)  # in ``contacts`` that is an order to erase
MISFIT: Final[tuple[Breaker, ...]] = (
    lambda key, _value: (key, b"[]"),
    lambda key, _value: (key, b'"x"'),
    lambda key, value: (key, value.replace(b'"contactId":', b'"contact":', 1)),
    lambda key, value: (key, value.replace(b'"contactId":"', b'"contactId":"\\u0007', 1)),
    lambda key, value: (key, value.replace(b'"orgId":"', b'"orgId":"no org ', 1)),
)
MISFIT_EVENT: Final[tuple[Breaker, ...]] = (
    lambda key, value: (key, value.replace(b'"type":"', b'"type":"No-', 1)),
    lambda key, value: (key, value.replace(b'"occurredAt":"', b'"occurredAt":"+', 1)),
    lambda key, value: (key, value.replace(b'"occurredAt":"20', b'"occurredAt":"19', 1)),
    lambda key, value: (key, value.replace(b'"occurredAt":"20', b'"occurredAt":"29', 1)),
)
KEYS: Final[Breakers] = {
    "missing_key": (lambda _key, value: (None, value),),
    "key_mismatch": (lambda key, value: (key + b"0", value), lambda key, value: (b"x" + key, value)),
}
BAD_EVENTS: Final[Breakers] = {"not_json": NOT_JSON + NULL, "invalid_event": MISFIT + MISFIT_EVENT, **KEYS}
BAD_COMMANDS: Final[Breakers] = {
    "not_json": NOT_JSON + NULL,
    "unknown_command": (lambda key, value: (key, value.replace(b'"kind":"', b'"kind":"un', 1)),),
    "invalid_command": (lambda key, value: (key, value.replace(b'"commandId":', b'"id":', 1)),),
    **KEYS,
}
BAD_ATTRIBUTES: Final[Breakers] = {"not_json": NOT_JSON, "invalid_event": MISFIT, **KEYS}
