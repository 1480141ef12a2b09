"""What holds for every test."""

from collections.abc import Iterator

import pytest
import structlog

from gateway.compiled import REMEDY, stale
from tests import torture


def pytest_configure() -> None:
    """Tests of a compiled module say nothing about a source that was edited since."""
    edited = stale()
    if edited:
        pytest.exit(f"{', '.join(edited)} changed after being compiled: {REMEDY}", returncode=2)


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
