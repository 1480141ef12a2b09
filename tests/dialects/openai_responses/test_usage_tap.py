"""The tap on streams that go by untouched."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.dialects.openai_responses.usage_tap import UsageTap
from tests.golden.openai_responses import write as golden

STREAMS = sorted((Path(__file__).parents[2] / "golden" / "openai_responses").glob("*.sse"))


def tapped(content: bytes, size: int = 0) -> tuple[UsageTap, bytes]:
    tap = UsageTap()
    size = size or len(content)
    passed = b"".join(tap.feed(content[start : start + size]) for start in range(0, len(content), size))
    return tap, passed + tap.rest()


def state(tap: UsageTap) -> tuple[object, ...]:
    return tap.usage, tap.input_reported, tap.output_reported, tap.ended, tap.error, tap.deltas, tap.output_bytes


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 5000))
def test_every_byte_goes_by_and_tells_the_same_in_any_pieces(path: Path, size: int) -> None:
    content = path.read_bytes()
    tap, passed = tapped(content, size)
    assert passed == content
    assert state(tap) == state(tapped(content)[0])


def test_the_last_event_tells_the_figures() -> None:
    tap, _ = tapped(golden.stream(golden.STREAMS["tools"]))
    assert tap.usage == Usage(12, 20, 4, 0, 87)
    assert (tap.input_reported, tap.output_reported, tap.ended, tap.error) == (True, True, True, None)
    assert tap.deltas == 9
    assert tap.content_started


@pytest.mark.parametrize(
    ("name", "ended", "error"),
    [
        ("text", True, None),
        ("max_output_tokens", True, None),
        ("failed", False, "Rate limit reached. Please try again in 1.5s."),
        ("error_flat", False, "The ferry sank (golden)."),
        ("error_nested", False, "Too long."),
        ("truncated", False, None),
    ],
)
def test_how_it_ended(name: str, ended: bool, error: str | None) -> None:
    tap, _ = tapped(golden.stream(golden.STREAMS[name]))
    assert (tap.ended, tap.error) == (ended, error)


def test_words_that_look_like_events_are_none() -> None:
    text = golden.message(golden.part('{"type":"response.completed","error":{}} event: response.failed'))
    content = golden.stream([*golden.opening(), *golden.said(text, 0, text["content"][0]["text"])])
    tap, _ = tapped(content)
    assert (tap.ended, tap.error, tap.output_reported) == (False, None, False)


def test_what_was_not_told_is_estimated() -> None:
    content = golden.stream(golden.STREAMS["text"][:-2])
    tap, _ = tapped(content)
    tap.estimate_output()
    assert tap.usage.output_tokens >= 4
    assert not tap.output_reported


def test_an_answer_of_megabytes_tells_its_figures() -> None:
    tap, passed = tapped(golden.stream(golden.closing(golden.message(golden.part("x" * 3_000_000)))), 65_536)
    assert len(passed) > 3_000_000
    assert tap.usage.output_tokens == 87


def test_events_that_cannot_be_read_go_by() -> None:
    content = (
        b'data: {"response.completed\n\ndata: ["response.completed"]\n\ndata: {"type":"response.completed","response":7}\n\n'
    )
    tap, passed = tapped(content)
    assert passed == content
    assert tap.ended
    assert not tap.output_reported
