"""Addresses with wildcards (S25): what they match, at what cost, and how they are found among many."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.scoring.patterns import Pattern, PatternIndex

texts = st.text("ab/*\n", max_size=12)


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("https://x.com", "https://x.com", True),
        ("https://x.com", "https://x.com/", False),
        ("https://x.com", "https://x.com/?a=b", False),
        ("https://x.com*", "https://x.com/?a=b", True),
        ("https://x.com/*/b", "https://x.com/a/a/b", True),
        ("https://x.com/*/b", "https://x.com/b", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("*/pricing", "https://x.com/pricing", True),
        ("*/pricing", "https://x.com/pricing/", False),
        ("a*a", "a", False),
        ("a**a", "aa", True),
        ("*ab*ab*", "ab", False),
        ("*ab*ab*", "xabyabz", True),
        ("HTTPS://x.com", "https://x.com", False),
        ("https://x.com/a.b?c[d]", "https://x.com/a.b?c[d]", True),
        ("https://x.com/a.b", "https://x.com/axb", False),
        ("https://x.com/?", "https://x.com/a", False),
    ],
)
def test_s25_a_star_is_any_run_of_characters_and_the_rest_is_literal(pattern: str, url: str, matches: bool) -> None:
    assert Pattern(pattern).matches(url) is matches
    assert PatternIndex([(pattern, 1)]).find(url) == ([1] if matches else [])


@given(texts, texts)
def test_s25_patterns_match_what_their_regular_expression_does(pattern: str, text: str) -> None:
    expression = "[^\x00]*".join(map(re.escape, pattern.split("*")))
    assert Pattern(pattern).matches(text) is (re.fullmatch(expression, text) is not None)


@given(st.lists(texts, max_size=12), texts)
def test_s25_an_index_finds_exactly_the_patterns_that_match(patterns: list[str], text: str) -> None:
    index = PatternIndex((pattern, number) for number, pattern in enumerate(patterns))
    wanted = [number for number, pattern in enumerate(patterns) if Pattern(pattern).matches(text)]
    assert sorted(index.find(text)) == wanted


class Counted(str):
    """A text that counts how often something is looked for in it."""

    __slots__ = ("looks",)
    looks: int

    def find(self, *arguments: object) -> int:  # type: ignore[override]  # as str.find takes them
        self.looks += 1
        return str.find(self, *arguments)  # type: ignore[arg-type]  # the same


def test_s25_matching_never_goes_back() -> None:
    text = Counted("a" * 200_000)
    text.looks = 0
    assert not Pattern("*" + "*".join(["ab"] * 7) + "*").matches(text)
    assert text.looks == 1  # what is not there once is not looked for again
    assert Pattern("*" + "*".join(["aa"] * 7) + "*").matches(text)
    assert text.looks == 8


def test_s25_only_patterns_that_begin_as_the_address_does_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    index = PatternIndex((f"https://x.com/{number}/*", number) for number in range(1000))
    tried: list[str] = []
    matches = Pattern.matches

    def noted(pattern: Pattern, text: str) -> bool:
        tried.append(pattern.start)
        return matches(pattern, text)

    monkeypatch.setattr(Pattern, "matches", noted)
    assert index.find("https://x.com/77/a") == [77]
    assert tried == ["https://x.com/77/"]
