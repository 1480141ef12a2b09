"""Usage: hostile figures stay outside."""

import pytest

from gateway.core.usage import TOKENS_MAX, Usage, whole


@pytest.mark.parametrize("value", [0, 1, TOKENS_MAX])
def test_a_figure_is_a_figure(value: int) -> None:
    assert whole(value) == value


@pytest.mark.parametrize("value", [None, -1, TOKENS_MAX + 1, 10**400, "5", 5.0, float("nan"), True, [5], {"tokens": 5}])
def test_anything_else_is_none(value: object) -> None:
    assert whole(value) is None


def test_total_input_has_every_class_of_input() -> None:
    usage = Usage(
        input_tokens=1, cache_read_tokens=20, cache_write_5m_tokens=300, cache_write_1h_tokens=4000, output_tokens=50000
    )
    assert usage.total_input_tokens == 4321
    assert repr(usage) == "<Usage in=1 read=20 write5m=300 write1h=4000 out=50000>"
