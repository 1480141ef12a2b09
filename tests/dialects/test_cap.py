"""The cap of translated answers: wherever it ends, the answer is whole in the client's dialect."""

import contextlib
from pathlib import Path

import pytest

from gateway.dialects.cap import Capped
from gateway.dialects.events import Closed, Ended, Failed
from gateway.dialects.translation import CODECS
from tests.dialects.assembled import assembled

GOLDEN = Path(__file__).parents[1] / "golden"
STREAMS = [path for dialect in CODECS for path in sorted((GOLDEN / dialect).glob("stream_*.sse"))]


@pytest.mark.parametrize("most", [0, 1, 3, 7])
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_wherever_it_ends_it_is_a_whole_answer(path: Path, most: int) -> None:
    codec = CODECS[path.parent.name]
    capped = Capped(codec.reader({}), most, lambda _: most)
    events = [event for piece in path.read_bytes().split(b"\n\n") for event in capped.feed(piece + b"\n\n")]
    if not capped.reached:
        return
    assert capped.feed(path.read_bytes()) == capped.end() == []
    assert not any(isinstance(event, Failed) for event in events)
    assert isinstance(events[-1], Closed)
    assert isinstance(events[-2], Ended)
    assert events[-2].stop == "max_tokens"
    assert not events[-2].spent.output_reported
    assert events[-2].spent.usage.output_tokens <= most
    with contextlib.suppress(ValueError):  # the arguments of a call that was cut are no JSON
        assembled(events)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_fits_is_not_touched(path: Path) -> None:
    codec = CODECS[path.parent.name]
    plain, capped = codec.reader({}), Capped(codec.reader({}), 100_000, lambda _: 100_000)
    stream = path.read_bytes()
    assert repr([*capped.feed(stream), *capped.end()]) == repr([*plain.feed(stream), *plain.end()])
    assert not capped.reached


def test_the_true_input_makes_a_better_figure() -> None:
    codec = CODECS["anthropic"]
    capped = Capped(codec.reader({}), 1000, lambda usage: 0 if usage.input_tokens else 1000)
    capped.feed((GOLDEN / "anthropic" / "stream_text.sse").read_bytes())
    assert capped.reached
