"""Outcomes: the stored numbers never move."""

from gateway.core.outcome import Outcome

STORED = {"finished": 1, "refused": 2, "rejected": 3, "client_gone": 4, "upstream_died": 5, "worker_killed": 6}


def test_stored_numbers_stay() -> None:
    numbers = {outcome.word: int(outcome) for outcome in Outcome}
    assert {word: numbers.get(word) for word in STORED} == STORED
