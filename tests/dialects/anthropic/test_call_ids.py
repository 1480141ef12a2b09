"""Ids of calls as Anthropic takes them."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.anthropic.call_ids import read, write


@given(st.text(max_size=60))
@example("gw_abc")
@example("")
@example("functions.Bash:0")
def test_every_id_fits_and_comes_back(identifier: str) -> None:
    written = write(identifier)
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", written)
    assert read(written) == identifier


@given(st.text(max_size=20))
def test_nothing_that_a_client_sends_breaks_reading(identifier: str) -> None:
    assert isinstance(read(f"gw_{identifier}"), str)


def test_ids_that_fit_stay() -> None:
    assert write("toolu_01-A") == read("toolu_01-A") == "toolu_01-A"
