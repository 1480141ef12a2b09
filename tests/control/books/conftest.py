"""Fixtures of the tests of the books."""

import pytest

from tests.control.books.sound import Books
from tests.control.office import Office, Worker


@pytest.fixture
def books(office: Office, worker: Worker) -> Books:
    return Books(office, worker)
