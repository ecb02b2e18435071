import json
import sys
from collections.abc import Callable
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.processing.json_text import depth, valid_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(
    "text",
    [
        b"{}", b"[]", b" [1 , 2 ]\r\n", b'"x"', b"-0", b"1e400", b"9" * 5000, b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 5000 + b"[1, -0.5e+3 ,true]" + b"}" * 5000, b"[0," * 5000 + b'{"a":"b","c":{}}' + b',"x"]' * 5000,
        b'{"a":{"b":[null,true,false,-1.5E-3]}}', b'"\\ud800"', b'"\\u00e9\\/\x7f"', b'{"a":1,"a":2}', b'{"":[]}',
    ],
)  # fmt: skip
def test_json_is_json(text: bytes) -> None:
    assert valid_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{", b"}", b"[1,]", b'{"a":1,}', b"{,}", b'{"a"}', b'{"a":}', b"{1:2}", b'{"a" 1}', b"[1 2]",
        b"01",
        b"1.", b".5", b"+1", b"-", b"1e", b"NaN", b"Infinity", b"-Infinity", b"nul", b"truefalse",
        b"'x'", b'"x', b'"\\q"',
        b'"\\u12"', b'"\n"', b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"{}{}", b"{}x", b"{}\x00", b"[1],",
        b"[}",
        b"[" * 5000 + b"]" * 4999, b"[" * 5000 + b"]" * 4999 + b"}", b"[" * 5000 + b"1 2" + b"]" * 5000,
        b"[" * 5000 + b'"a\\q","b"' + b"]" * 5000, b"[" * 5000 + b"\1" + b"]" * 5000,
        b"[" * 5000 + b"NaN" + b"]" * 5000,
        b'{"a":' * 5000 + b"01" + b"}" * 5000, b'{"a":' * 5000 + b"{}," + b"}" * 5000,
        b'{"a":1]', b"\x0c{}", b"[" * 5000, b'"' + b"a" * 50_000, b'"' + b"\\" * 50_001,
    ],
)  # fmt: skip
def test_other_texts_are_not(text: bytes) -> None:
    assert not valid_json(text)


@given(JSON_VALUES, st.booleans())
def test_whatever_is_dumped_is_json(value: object, ascii_only: bool) -> None:
    assert valid_json(json.dumps(value, ensure_ascii=ascii_only).encode())


@given(st.binary(max_size=12) | st.text(alphabet='[]{},:"1 e-.\\un', max_size=12).map(str.encode))
def test_it_agrees_with_a_strict_parser(data: bytes) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(data.decode(), parse_constant=refuse)
        expected = True
    except ValueError:
        expected = False
    assert valid_json(data) == expected


def test_depth_ignores_what_is_in_strings() -> None:
    assert depth(b'{"a":["[[[[\\"[[",{"b":1}],"c":[]}') == 3
    assert depth(b"1") == 0
    assert depth(b"[[]") == 2


@pytest.mark.parametrize(
    "ask, data",
    [
        (valid_json, b"[" + b"1," * 50_000 + b"1}"), (valid_json, b"[" + b"[]," * 50_000 + b"1e400]"),
        (valid_json, b"{" + b'"":1,' * 50_000 + b"}"), (depth, b"[" + b"[]," * 50_000 + b'""]'),
    ],
)  # fmt: skip
def test_no_step_of_python_for_each_token(ask: Callable[[bytes], object], data: bytes) -> None:
    steps = 0

    def count(_frame: FrameType, _event: str, _arg: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        ask(data)
    finally:
        sys.setprofile(None)
    assert steps < 5_000  # not none: hypothesis watches the collector
