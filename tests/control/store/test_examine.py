import sqlite3
from pathlib import Path

import pytest

from gateway.control.store import Store, StoreError
from gateway.control.store.examine import Condition, examine
from gateway.control.store.schema import migrations


def test_a_sound_database_also_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    latest = max(migrations())
    with Store.open(path):
        assert examine(path) == Condition("ok", latest, latest)
    assert examine(path) == Condition("ok", latest, latest)


def test_damage_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    Store.open(path).close()
    pages = bytearray(path.read_bytes())
    pages[4096:8192] = b"\xff" * 4096
    path.write_bytes(pages)
    try:
        verdict = examine(path).verdict
    except StoreError:
        verdict = "cannot be read"
    assert verdict != "ok"
    assert path.read_bytes() == pages


@pytest.mark.parametrize("content", [b"nothing of ours" * 1000, b""])
def test_what_is_no_database_of_ours(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        examine(path)


def test_a_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        examine(tmp_path / "gateway.db")
    assert not (tmp_path / "gateway.db").exists()


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    sqlite3.connect(path).execute("CREATE TABLE other (x)").connection.close()
    with pytest.raises(StoreError, match="no such table"):
        examine(path)
