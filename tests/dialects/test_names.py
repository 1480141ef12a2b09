"""Names of tools that have to be changed."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.names import Names


@given(st.text(max_size=200), st.sampled_from([64, 128]))
def test_any_name_fits_and_comes_back(name: str, chars_max: int) -> None:
    names = Names(chars_max)
    written = names.write(name)
    assert re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{chars_max}}}", written)
    assert names.changed.get(written, written) == name
    assert names.write(name) == written == Names(chars_max).write(name)


def test_names_that_fit_stay() -> None:
    names = Names(64)
    assert names.write("mcp__a-b") == "mcp__a-b"
    assert names.changed == {}


def test_two_names_stay_two() -> None:
    names = Names(64)
    assert names.write("a.b") != names.write("a/b") != names.write("a_b")
    assert len(names.changed) == 2
