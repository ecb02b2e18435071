import pytest

from schemas.ids import contact_key, rest_id, split_contact_key, text_id, text_org, valid_id, valid_org


@pytest.mark.parametrize(
    ("value", "text"),
    [("42", "42"), (42, "42"), (-5, "-5"), ("ü\u00a0\u200b", "ü\u00a0\u200b"), ("x" * 128, "x" * 128)],
)
def test_id_becomes_text(value: str | int, text: str) -> None:
    assert text_id(value) == text


@pytest.mark.parametrize("value", ["", "x" * 129, "a\nb", "\x7f", "\x85", 10**128, True])
def test_id_with_control_character_or_of_wrong_length_is_refused(value: str | int) -> None:
    with pytest.raises(ValueError, match="an id has"):
        text_id(value)


@pytest.mark.parametrize("value", ["a b", "a:b", "ü", "x" * 65, ""])
def test_org_id_is_narrow(value: str) -> None:
    assert text_org("A-z_9") == "A-z_9"
    with pytest.raises(ValueError, match="id"):
        text_org(value)
    assert valid_id("a b") is not None
    assert valid_org("a b") is None


def test_contact_key_splits_at_its_first_colon() -> None:
    assert contact_key("1", "a:ü") == b"1:a:\xc3\xbc"
    assert split_contact_key(b"1:a:\xc3\xbc") == ("1", "a:ü")
    with pytest.raises(ValueError, match="orgId:contactId"):
        split_contact_key(b"1")


def test_rest_writes_canonical_integers_as_numbers() -> None:
    assert rest_id("42") == 42
    assert [rest_id(text) for text in ("042", "-1", "9007199254740992", "x")] == ["042", "-1", "9007199254740992", "x"]
