"""Each law that the code of delivery leans on has a test of its name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_invariant_of_delivery_has_a_test_of_its_name() -> None:
    code = "".join(file.read_text() for file in (ROOT / "stream_app/delivery").glob("*.py"))
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    leaned_on = set(re.findall(r"# INVARIANT: (\w+)", code))
    assert len(leaned_on) > 10
    assert leaned_on - set(re.findall(r"def test_(\w+)", tests)) == set()
