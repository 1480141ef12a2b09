"""Making and opening the shared file."""

import os
from pathlib import Path

import pytest

from gateway.state.keys import KeyRow, KeyState
from gateway.state.layout import Layout, LayoutError
from gateway.state.shared import SharedFile
from tests.state.conftest import SMALL


def test_opening_finds_the_layout_the_file_was_made_with(shared: SharedFile) -> None:
    opened = SharedFile.open(shared.path)
    assert opened.layout == SMALL
    assert opened.identity == shared.identity
    assert repr(opened) == f"<SharedFile {shared.path} {SMALL}>"
    opened.close()
    opened.close()
    with pytest.raises(ValueError, match="closed"):
        _ = opened.draining


def test_a_new_file_is_empty_private_and_sparse(tmp_path: Path) -> None:
    made = SharedFile.create(tmp_path / "shared.map")
    assert made.layout == Layout()
    assert len(made.keys) == 0
    assert made.draining is False
    assert made.generation == 0
    assert all(reader.read(10) == [] for reader in made.journal.readers)
    status = made.path.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_size == made.layout.size > 100_000_000
    assert status.st_blocks * 512 < 1_000_000
    made.close()


def test_creating_replaces_the_file_and_leaves_nothing_beside_it(shared: SharedFile) -> None:
    shared.keys.put(bytes(32), KeyRow(1, 1, KeyState.ACTIVE, 0))
    second = SharedFile.create(shared.path, SMALL)
    assert os.listdir(shared.path.parent) == ["shared.map"]
    assert second.identity != shared.identity
    assert 0 <= second.identity < 2**63
    assert second.keys.find(bytes(32)) is None
    assert shared.keys.find(bytes(32)) is not None
    second.close()


def test_creating_where_it_is_not_possible_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "shared.map").mkdir()
    with pytest.raises(OSError):
        SharedFile.create(tmp_path / "shared.map", SMALL)
    assert os.listdir(tmp_path) == ["shared.map"]


def test_draining_and_generation_are_seen_by_the_other_side(shared: SharedFile) -> None:
    other = SharedFile.open(shared.path)
    seen = []
    for draining in (True, False):
        shared.draining = draining
        seen.append(other.draining)
    assert seen == [True, False]
    assert shared.bump_generation() == 1
    assert other.generation == 1
    other.close()


def test_other_files_are_refused(tmp_path: Path, shared: SharedFile) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"\0" * 8192)
    with pytest.raises(LayoutError, match="not a shared file"):
        SharedFile.open(path)
    path.write_bytes(shared.path.read_bytes()[:-4096])
    with pytest.raises(LayoutError, match="its header says"):
        SharedFile.open(path)
    with pytest.raises(FileNotFoundError):
        SharedFile.open(tmp_path / "absent")
