"""Identifiers: fixed length, readable back, nothing else accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ids import ALPHABET, ID_BYTES, ID_CHARS, bytes_of, fresh_id, moment_ns, text_of, timed_id


@given(st.binary(min_size=ID_BYTES, max_size=ID_BYTES))
def test_text_and_bytes_are_each_others_inverse(identifier: bytes) -> None:
    text = text_of("req", identifier)
    assert len(text) == len("req_") + ID_CHARS
    assert set(text.removeprefix("req_")) <= set(ALPHABET)
    assert bytes_of("req", text) == identifier


def test_ids_do_not_repeat() -> None:
    assert len({fresh_id() for _ in range(1000)}) == 1000


def test_a_timed_id_tells_its_millisecond_and_nothing_else() -> None:
    moment = 1_795_000_000_123_456_789
    made = [timed_id(moment) for _ in range(1000)]
    assert {moment_ns(one) for one in made} == {1_795_000_000_123_000_000}
    assert {len(one) for one in made} == {ID_BYTES}
    assert len({one[6:] for one in made}) == 1000
    assert moment_ns(bytes_of("req", text_of("req", made[0]))) == 1_795_000_000_123_000_000
    assert sorted([timed_id(moment + 10**6), timed_id(moment)])[0][:6] == made[0][:6]


@pytest.mark.parametrize("moment", [0, 999_999, -1, -(2**80), 2**80])
def test_a_clock_that_is_lost_still_makes_ids(moment: int) -> None:
    assert len(timed_id(moment)) == ID_BYTES


def test_a_prefix_may_hold_an_underscore() -> None:
    assert bytes_of("a_b", text_of("a_b", bytes(16))) == bytes(16)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "req_",
        "key_" + "0" * ID_CHARS,  # another prefix
        "req_" + "0" * (ID_CHARS - 1),
        "req_" + "0" * (ID_CHARS + 1),
        "req_" + "0" * (ID_CHARS - 1) + "-",
        "req_" + "z" * ID_CHARS,  # more than 128 bits
        "req_" + "\u0660" * ID_CHARS,  # digits, but not ours
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a req id"):
        bytes_of("req", text)
