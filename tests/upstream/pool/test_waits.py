"""R8: every form of a wait, and every odd one, has a stated result."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.pool.waits import LARGEST_MS, NOT_GIVEN, of_headers

WALL_S = 1_790_000_000
WALL_NS = WALL_S * 1_000_000_000


def http_date(unix_s: float) -> bytes:
    return formatdate(unix_s, usegmt=True).encode()


def wait_ms(value: bytes, date: bytes = b"", wall_ns: int = WALL_NS) -> int:
    return of_headers([(b"server", b"x"), (b"retry-after", value), (b"date", date)], wall_ns)


@pytest.mark.parametrize(
    ("value", "expected_ms"),
    [
        (b"7", 7_000),
        (b" 7 ", 7_000),
        (b"0.5", 500),
        (b"7.0001", 7_001),
        (b"0", 0),
        (b"-5", 0),
        (b"-0.1", 0),
        (b"99999999999999999", LARGEST_MS),
        (b"", NOT_GIVEN),
        (b"soon", NOT_GIVEN),
        (b"NaN", NOT_GIVEN),
        (b"inf", NOT_GIVEN),
        (b"1e3", NOT_GIVEN),
        (b"1_000", NOT_GIVEN),
        (b"7, 8", NOT_GIVEN),
        (b"0x10", NOT_GIVEN),
        ("\u0667".encode(), NOT_GIVEN),
        (b"9" * 100_000, LARGEST_MS),
        (b"9" * 20 + b".5", LARGEST_MS),
        (b"-" + b"9" * 20, 0),
        (b"Wed, 99 Foo 2026 99:99:99 GMT", NOT_GIVEN),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", LARGEST_MS),
    ],
)
def test_seconds_and_what_is_none(value: bytes, expected_ms: int) -> None:
    assert wait_ms(value) == expected_ms


@pytest.mark.parametrize("jump_s", [0, 3600, -3600, 10**8])
def test_a_date_is_counted_from_the_answers_own(jump_s: int) -> None:
    """R8: our clock may be wrong or jump; the upstream's two dates do not."""
    told = wait_ms(http_date(WALL_S + 30), http_date(WALL_S), WALL_NS + jump_s * 10**9)
    assert told == 30_000
    assert wait_ms(http_date(WALL_S - 30), http_date(WALL_S)) == 0


def test_a_date_alone_is_counted_from_our_clock() -> None:
    assert wait_ms(http_date(WALL_S + 30)) == 30_000
    assert wait_ms(http_date(WALL_S + 30), b"garbage") == 30_000
    assert wait_ms(http_date(WALL_S - 30)) == 0
    assert 29_000 < wait_ms(http_date(WALL_S + 30), wall_ns=WALL_NS + 500_000_001) <= 29_500


def test_milliseconds_come_first_and_doubles_count_once() -> None:
    assert of_headers([(b"retry-after", b"7"), (b"retry-after-ms", b"1500")], WALL_NS) == 1_500
    assert of_headers([(b"retry-after-ms", b"garbage"), (b"retry-after", b"7")], WALL_NS) == 7_000
    assert of_headers([(b"retry-after", b"7"), (b"retry-after", b"9")], WALL_NS) == 7_000
    assert of_headers([], WALL_NS) == NOT_GIVEN


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_have_a_result(value: bytes, date: bytes) -> None:
    assert NOT_GIVEN <= wait_ms(value, date) <= LARGEST_MS
