"""docs/products.md: each example is what the command line takes, and each product has its table."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stream_app.operations.command_line import COMMANDS, root

TEXT = (Path(__file__).parents[2] / "docs" / "products.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml (rules|profiles)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRODUCTS = ("PushMail", "Mautic", "HighLevel", "Dotdigital")


def section(product: str) -> str:
    return TEXT.partition(f"\n## {product}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("kind", "block"), BLOCKS, ids=[str(index) for index in range(len(BLOCKS))])
def test_every_example_passes_the_lint_without_a_warning(kind: str, block: str) -> None:
    result = CliRunner().invoke(root(COMMANDS), [kind, "lint", "-"], input=block)
    assert (result.exit_code, result.output) == (0, "")


def test_every_fenced_block_is_an_example() -> None:
    assert TEXT.count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_has_a_table_of_three_columns_and_examples_of_rules_and_profiles(product: str) -> None:
    rows = [line for line in section(product).splitlines() if line.startswith("|")]
    assert rows[0] == "| option | here | difference |" and len(rows) > 10
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert {kind for kind, block in BLOCKS if block in section(product)} == {"rules", "profiles"}


@pytest.mark.parametrize("product", PRODUCTS)
def test_examples_of_rules_name_profiles_and_groups_that_the_examples_have(product: str) -> None:
    found: dict[str, list[dict[str, Any]]] = {
        kind: yaml.safe_load(block) for kind, block in BLOCKS if block in section(product)
    }
    profiles = {"default": {}, **{profile["id"]: profile for profile in found["profiles"]}}
    for rule in found["rules"]:
        profile = profiles[rule.get("profileId", "default")]
        assert rule.get("group") in (None, *(group["name"] for group in profile.get("groups", [])))
