"""Which implementation the package chooses."""

import os
import subprocess
import sys

import pytest

import native_fastpath
from tests.native_fastpath.conftest import ROOT

PRINT = "import native_fastpath as n; print(n.IMPLEMENTATION, n.Region.__module__, n.members.__module__)"


def chosen(environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", PRINT]
    environment = {name: value for name, value in os.environ.items() if name != "NATIVE_FASTPATH"} | environment
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()


def test_the_environment_turns_the_extension_off() -> None:
    assert chosen({"NATIVE_FASTPATH": "off"}) == "pure native_fastpath.pure native_fastpath.scan"


def test_the_extension_is_chosen_when_it_was_built() -> None:
    try:
        native_fastpath.load("native")
    except ImportError:
        assert chosen({}).startswith("pure ")
    else:
        assert chosen({}).startswith("native native_fastpath._native ")


def test_both_offer_the_same_names() -> None:
    try:
        native = native_fastpath.load("native")
    except ImportError:
        pytest.skip("the extension is not built here")
    pure = native_fastpath.load("pure")

    def public(owner: object) -> set[str]:
        return {name for name in dir(owner) if not name.startswith("_")}

    assert public(native.Region) == public(pure.Region)
    assert public(native) - public(pure) == set()
    assert [getattr(native, name) for name in ("KEY_USED", "ROW_HEADER", "RING_HEADER")] == [1, 64, 192]
    assert [getattr(pure, name) for name in ("KEY_USED", "ROW_HEADER", "RING_HEADER")] == [1, 64, 192]
