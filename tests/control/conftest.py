"""Fixtures of the control plane's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.office import Office, Worker
from tests.control.served import ControlPlane, short_dir


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


@pytest.fixture
def worker(office: Office) -> Iterator[Worker]:
    worker = Worker(office)
    yield worker
    worker.die()


@pytest.fixture(scope="session")
def served() -> Iterator[ControlPlane]:
    """One control plane for all tests that only ask; those that stop or break one start their own."""
    with short_dir() as data_dir, ControlPlane(Path(data_dir)) as control:
        yield control
