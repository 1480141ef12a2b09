"""Passes of key holders."""

from dataclasses import replace

import pytest

from gateway.console.holders import LIFE_S, Passes, is_in_force
from gateway.control.store.keys import KeyRecord
from gateway.core.clock import ManualClock
from gateway.state.pepper import Pepper

NOW_S = 1_795_000_000
RECORD = KeyRecord(1, "key_a", b"d", "n", 1, "w", "wrkspc_a", "p", "s", "active", 0, 0, None, None, None, 1, None, None)


def passes(clock: ManualClock, secret: bytes = b"p" * 32) -> Passes:
    return Passes(Pepper(secret), clock)


def test_a_pass_lasts_an_hour() -> None:
    clock = ManualClock(NOW_S * 10**9)
    text = passes(clock).write("key_a")
    assert passes(clock).read(text) == "key_a"
    clock.advance(LIFE_S - 1)
    assert passes(clock).read(text) == "key_a"
    clock.advance(1)
    assert passes(clock).read(text) is None


def test_a_pass_is_of_one_key_and_one_installation() -> None:
    clock = ManualClock(NOW_S * 10**9)
    key_id, until_s, seal = passes(clock).write("key_a").split(".")
    assert passes(clock).read(f"key_b.{until_s}.{seal}") is None
    assert passes(clock).read(f"{key_id}.{int(until_s) + 1}.{seal}") is None
    assert passes(clock, b"q" * 32).read(f"{key_id}.{until_s}.{seal}") is None


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "a.1.c", "key_a.9999999999.\udfff", "x" * 5000, "a.²²².c", "a.1.c.d"])
def test_whatever_somebody_makes_up_is_no_pass(text: str) -> None:
    assert passes(ManualClock(NOW_S * 10**9)).read(text) is None


def test_which_keys_are_in_force() -> None:
    assert is_in_force(RECORD, NOW_S)
    assert not is_in_force(replace(RECORD, state="revoked"), NOW_S)
    assert is_in_force(replace(RECORD, expires_at_s=NOW_S + 1), NOW_S)
    assert not is_in_force(replace(RECORD, expires_at_s=NOW_S), NOW_S)
    assert not is_in_force(replace(RECORD, rotated_until_s=NOW_S), NOW_S)
