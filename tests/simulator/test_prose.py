from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator import prose


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(prose.pieces(text)) == text


@given(st.text(max_size=20), st.integers(0, 400))
def test_a_passage_has_exactly_its_tokens_and_is_the_same_each_time(seed: str, tokens: int) -> None:
    passage = prose.passage(seed, tokens)
    assert len(passage) == tokens
    assert all(passage)
    assert passage == prose.passage(seed, tokens)
    assert not passage or passage[0] == passage[0].lstrip()


def test_passages_differ_by_seed() -> None:
    assert len({"".join(prose.passage(str(seed), 20)) for seed in range(50)}) > 5


def test_an_echo_says_who_speaks_and_repeats_a_bounded_part() -> None:
    assert "".join(prose.echo("  good \n morning ")) == (
        'This is the simulator, not a model. You wrote: "good morning" Set an upstream key to get real answers.'
    )
    assert len("".join(prose.echo("long words " * 100_000))) < 320


def test_weight_is_a_quarter_of_the_characters_rounded_up() -> None:
    assert [prose.weight("x" * length) for length in (0, 1, 4, 5)] == [0, 1, 1, 2]
