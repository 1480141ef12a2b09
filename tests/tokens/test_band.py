"""The stated band around counted texts that the estimate was not fitted to."""

import pytest

from gateway.tokens.band import BAND_PERCENT, band
from gateway.tokens.estimate import count_text
from gateway.tokens.families import Family, profile_of
from tests.tokens.test_weights import COUNTS, MODELS, sample


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("name", COUNTS)
def test_the_true_count_is_inside(name: str, family: str) -> None:
    text = sample(name)
    one = band(count_text(text, family), len(text), Family(family))
    true = COUNTS[name][family] - profile_of(MODELS[family]).frame_tokens
    assert one.low <= true <= one.high


def test_the_band_is_no_wider_than_it_says() -> None:
    one = band(1000, 4000, Family.V3)
    assert (one.low, one.high, one.percent, one.usual_percent) == (880, 1120, 12, 3)
    assert (band(1, 3, Family.V5).low, band(1, 3, Family.V5).high) == (0, 4)
    assert set(BAND_PERCENT) == set(Family)


def test_a_vocabulary_is_exact_up_to_its_cuts() -> None:
    assert (band(10, 4096, Family.O200K).low, band(10, 4096, Family.O200K).high) == (10, 10)
    assert (band(10, 4097, Family.O200K).low, band(10, 4097, Family.O200K).high) == (8, 12)
    assert band(0, 0, Family.O200K).high == 0
