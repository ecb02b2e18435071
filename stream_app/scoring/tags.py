"""Tags of a contact: given once, taken away, given again (S20).

Laws: case-sensitive, in the order in which they were given; bounded, so that facts stay one record: a tag has 1-128
code points, and of more than 500 tags the oldest is forgotten.
"""

from typing import Any, Final

import msgspec

from schemas.events import TAG_PROPERTY, Properties
from schemas.state import Facts

MAX_TAG_CHARACTERS: Final = 128
MAX_TAGS: Final = 500


def valid_tag(value: Any) -> bool:
    """Tell whether a JSON value is a tag."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TAG_CHARACTERS


def tag_of(properties: Properties) -> str | None:
    """Return the tag that a tag_added event names, None when it names none."""
    tag = properties.get(TAG_PROPERTY)
    return tag if valid_tag(tag) else None


def with_tag(facts: Facts, tag: str) -> Facts:
    """Return facts with a tag that they lacked."""
    return msgspec.structs.replace(facts, tags=(*facts.tags, tag)[-MAX_TAGS:])


def without_tag(facts: Facts, tag: str) -> Facts:
    """Return facts without a tag."""
    return msgspec.structs.replace(facts, tags=tuple(other for other in facts.tags if other != tag))
