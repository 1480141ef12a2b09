"""What holds for every test."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A command run inside a test sends the process's log to the output of that test, which is closed when it ends."""
    yield
    structlog.reset_defaults()
