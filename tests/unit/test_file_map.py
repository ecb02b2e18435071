"""docs/design.md names every module once, in the folder where it is."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "topics", "stream_app")


def mapped() -> Iterator[str]:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = text.partition("\n## File map\n")[2].partition("\n## ")[0]
    folder = ""
    for line in section.splitlines():
        if heading := re.match(r"### `([^`]+)/`", line):
            folder = heading[1]
        elif item := re.match(r"- `([^`]+)` \S", line):
            yield f"{folder}/{item[1]}"


def test_file_map_names_every_module_and_nothing_else() -> None:
    modules = [
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert sorted(mapped()) == sorted(modules)
