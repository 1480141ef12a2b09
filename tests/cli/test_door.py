import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import door
from gateway.cli.alone import Alone
from gateway.cli.door import Door, Served, open_door
from gateway.control.lock import ControlLock
from gateway.settings import Paths
from gateway.state.keys import KeyState
from gateway.state.pepper import load_pepper
from gateway.state.shared import SharedFile
from tests.control.office import LAYOUT
from tests.control.served import ControlPlane, short_dir


def mint(opened: Door, name: str) -> dict[str, str]:
    [key] = opened.post("keys", body={"name": name})["data"]
    return dict(key)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with short_dir() as directory:
        yield Path(directory)


def test_the_same_key_whether_serving_or_not(data_dir: Path) -> None:
    with open_door(data_dir, create=True) as alone:
        assert isinstance(alone.way, Alone)
        before = mint(alone, "before")
    with ControlPlane(data_dir) as control:
        with open_door(data_dir) as served:
            assert isinstance(served.way, Served)
            during = mint(served, "during")
            online = list(served.all("keys"))
        shared = SharedFile.open(control.paths.shared_map)
        pepper = load_pepper(control.paths.pepper)
        for key in (before, during):
            assert shared.keys.find(pepper.digest(key["key"])) is not None
        shared.close()
        control.stop()
    with open_door(data_dir) as alone:
        assert isinstance(alone.way, Alone)
        assert list(alone.all("keys")) == online
    assert [key["name"] for key in online] == ["before", "during"]


def test_a_killed_control_plane_does_not_bar_the_door(data_dir: Path) -> None:
    with ControlPlane(data_dir) as control:
        control.process.kill()
        control.process.wait()
        with open_door(data_dir) as alone:
            key = mint(alone, "meanwhile")
            alone.post("keys", key["id"], "revoke")


def test_keys_minted_and_revoked_alone_reach_workers_that_still_run(data_dir: Path) -> None:
    """The control plane may be down while workers serve; they see the change in the shared file."""
    paths = Paths(data_dir)
    shared = SharedFile.create(paths.shared_map, LAYOUT)
    with open_door(data_dir, create=True) as alone:
        key = mint(alone, "me")
        digest = load_pepper(paths.pepper).digest(key["key"])
        row = shared.keys.find(digest)
        assert row is not None
        assert row.state is KeyState.ACTIVE
        alone.post("keys", key["id"], "revoke")
        row = shared.keys.find(digest)
        assert row is not None
        assert row.state is KeyState.REVOKED
    shared.close()


def test_a_holder_that_does_not_answer_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "OPEN_WAIT_S", 0.05)
    with (
        ControlLock.take(Paths(data_dir).control_lock),
        pytest.raises(click.ClickException, match="does not answer"),
        open_door(data_dir, create=True),
    ):
        pytest.fail("opened")


def test_a_control_plane_that_is_stuck_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "OPEN_WAIT_S", 0.05)
    monkeypatch.setattr(door, "PROBE_TIMEOUT_S", 0.05)
    with ControlPlane(data_dir) as control:
        control.process.send_signal(signal.SIGSTOP)
        with pytest.raises(click.ClickException, match="does not answer"), open_door(data_dir):
            pytest.fail("opened")


def test_a_holder_that_leaves_is_waited_for(data_dir: Path) -> None:
    """A control plane that is stopping holds the lock a moment longer than its sockets."""
    leaving = threading.Timer(0.15, ControlLock.take(Paths(data_dir).control_lock).release)
    leaving.start()
    with open_door(data_dir, create=True) as opened:
        assert leaving.finished.is_set()
        assert list(opened.all("keys")) == []
    leaving.join()


def test_only_minting_begins_an_installation(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"no gateway\.db"), open_door(tmp_path / "none"):
        pytest.fail("opened")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("file", "content", "text"), [
    ("pepper", b"short", "exactly 32 bytes"),
    ("gateway.db", b"rubbish" * 999, "is damaged"),
    ("shared.map", b"rubbish" * 999, "not a shared file"),
])  # fmt: skip
def test_what_cannot_be_used_is_named(tmp_path: Path, file: str, content: bytes, text: str) -> None:
    (tmp_path / file).write_bytes(content)
    (tmp_path / file).chmod(0o600)
    with pytest.raises(click.ClickException, match=text), open_door(tmp_path, create=True):
        pytest.fail("opened")


def test_refusals_are_the_same_both_ways(data_dir: Path) -> None:
    def refusals(opened: Door) -> list[str]:
        texts = []
        for ask in (
            lambda: mint(opened, ""),
            lambda: opened.post("keys", body={"name": "a", "colour": "red"}),
            lambda: opened.post("keys", "key_0000000000000000000000", "revoke"),
            lambda: opened.post("keys", "../../keys", "revoke"),
            lambda: opened.post("keys", "..", "revoke"),
            lambda: opened.get("nothing"),
            lambda: list(opened.all("usage", since="never")),
            lambda: list(opened.all("usage", by="owner")),
            lambda: list(opened.all("usage", until="now")),
        ):
            with pytest.raises(click.ClickException) as caught:
                ask()
            texts.append(caught.value.message)
        return texts

    with open_door(data_dir, create=True) as alone:
        offline = refusals(alone)
    with ControlPlane(data_dir), open_door(data_dir) as served:
        assert isinstance(served.way, Served)
        assert refusals(served) == offline
