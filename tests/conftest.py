"""What holds for every test."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.compiled import REMEDY, stale
from tests import torture


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One seed repeats whatever is thrown in a run. Tests of a compiled module say nothing about a source edited since."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(torture.SEED)
    edited = stale()
    if edited:
        pytest.exit(f"{', '.join(edited)} changed after being compiled: {REMEDY}", returncode=2)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What one of several processes has proved is told to the one that prints it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["proofs"] = torture.proofs


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    torture.proofs.extend(getattr(node, "workeroutput", {}).get("proofs", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was proved, and the seed that repeats it."""
    terminalreporter.section(f"TORTURE_SEED={torture.SEED}, {'long' if torture.LONG else 'short'} forms")
    for proof in torture.proofs:
        terminalreporter.line(proof)


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A command run inside a test sends the process's log to the output of that test, which is closed when it ends."""
    yield
    structlog.reset_defaults()
