"""Chat streams that go by untouched: what the tap tells of them."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.dialects.openai_chat.usage_tap import HELD_BYTES_MAX, UsageTap

GOLDEN = Path(__file__).parents[2] / "golden" / "openai_chat"
STREAMS = sorted(GOLDEN.glob("*.sse"))
FIGURES = Usage(201, 1024, 0, 0, 40)


def tapped(name: str) -> UsageTap:
    tap = UsageTap()
    tap.feed((GOLDEN / f"stream_{name}.sse").read_bytes())
    tap.rest()
    return tap


@pytest.mark.parametrize("name", ["text", "tools", "reasoning", "usage_on_finish", "role_in_every_chunk", "no_done"])
def test_reported_usage(name: str) -> None:
    tap = tapped(name)
    assert (tap.usage, tap.input_reported, tap.output_reported) == (FIGURES, True, True)
    assert (tap.ended, tap.error, tap.content_started, tap.between_events) == (True, None, True, True)


def test_cumulative_usage_counts_once() -> None:
    assert tapped("usage_in_every_chunk").usage == Usage(1225, 0, 0, 0, 2)


def test_without_usage_the_output_is_estimated() -> None:
    tap = tapped("no_usage")
    assert not tap.output_reported
    tap.estimate_output()
    assert tap.usage.output_tokens >= tap.deltas == 1


@pytest.mark.parametrize(
    ("name", "ended", "error"),
    [
        ("truncated", False, None),
        ("error_midway", False, "The server had an error."),
        ("error_first", False, "No such luck."),
        ("no_finish", True, None),
        ("crlf", True, None),
        ("comments", True, None),
    ],
)
def test_ends(name: str, ended: bool, error: str | None) -> None:
    tap = tapped(name)
    assert (tap.ended, tap.error) == (ended, error)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
@given(places=st.lists(st.integers(0, 100_000), max_size=20))
@settings(max_examples=20)
def test_the_bytes_are_the_same_and_so_is_what_is_told(path: Path, places: list[int]) -> None:
    content = path.read_bytes()
    whole, tap = UsageTap(), UsageTap()
    assert whole.feed(content) + whole.rest() == content
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    pieces = [tap.feed(content[start:end]) for start, end in pairwise(edges)]
    assert b"".join([*pieces, tap.rest()]) == content
    assert all(piece == b"" or piece.endswith((b"\n\n", b"\r\n\r\n")) for piece in pieces)
    assert (tap.usage, tap.ended, tap.error, tap.deltas) == (whole.usage, whole.ended, whole.error, whole.deltas)


def test_an_event_without_end_is_handed_on_in_the_end() -> None:
    tap = UsageTap()
    assert tap.feed(b"data: " + b"x" * HELD_BYTES_MAX) != b""
    assert not tap.between_events
    assert tap.feed(b"y\n\n") == b"y\n\n"
    assert tap.between_events


def test_a_rest_is_no_whole_event() -> None:
    tap = UsageTap()
    assert tap.feed(b"data: {}") == b""
    assert tap.rest() == b"data: {}"
    assert not tap.between_events
