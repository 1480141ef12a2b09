import sqlite3
from pathlib import Path

import pytest

from gateway.control.store import Store, idempotency


def test_a_call_is_noted_once_per_tenant_and_forgotten_in_time(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store, store.transaction() as connection:
        assert idempotency.find(connection, "a", "k") is None
        idempotency.insert(connection, "a", "k", b"hash", b"answer", 100)
        idempotency.insert(connection, "b", "k", b"other", b"answer", 200)
        assert idempotency.find(connection, "a", "k") == (b"hash", b"answer")
        assert idempotency.find(connection, "b", "k") == (b"other", b"answer")
        with pytest.raises(sqlite3.IntegrityError):
            idempotency.insert(connection, "a", "k", b"hash", b"again", 100)
        assert idempotency.forget(connection, 150) == 1
        assert idempotency.find(connection, "a", "k") is None
        assert idempotency.find(connection, "b", "k") is not None
