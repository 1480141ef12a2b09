import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import settings
from gateway.control import process
from gateway.control.lock import ControlLock
from gateway.control.store import schema
from gateway.core import ids
from gateway.core.outcome import Outcome
from gateway.state.inflight import InflightRows
from gateway.state.journal import RingWriter
from gateway.state.shared import SharedFile
from gateway.state.workers import WorkerSlot
from tests.control.office import settlement, wait_for
from tests.control.served import ControlPlane, short_dir


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with short_dir() as directory:
        yield Path(directory)


def request_rows(data_dir: Path) -> list[Any]:
    """(request id, outcome) of every row, read as any other process would."""
    connection = sqlite3.connect(schema.reading_url(data_dir / "gateway.db"), uri=True)
    try:
        return connection.execute("SELECT request_id, outcome FROM requests ORDER BY rowid").fetchall()
    finally:
        connection.close()


def test_a_settlement_becomes_a_row_a_line_and_a_figure(data_dir: Path) -> None:
    with ControlPlane(data_dir) as control:
        with control.admin as client:
            [key] = client.post("/admin/v1/keys", json={"name": "me"}).json()["data"]
        shared = SharedFile.open(control.paths.shared_map)
        slot = WorkerSlot.claim(shared, control.paths.run_dir)
        one = settlement(key_id=1)
        RingWriter(slot).append(one.pack())
        [line] = wait_for(control.lines)
        assert (line["request_id"], line["key"]) == (ids.text_of("req", one.request_id), key["id"])
        assert request_rows(data_dir) == [(one.request_id, Outcome.FINISHED)]
        with control.public as client:
            assert (
                'gateway_requests_total{model="claude-sonnet-4-5",outcome="finished",status="200"} 1.0'
                in client.get("/metrics").text
            )
            assert client.get("/status").json()["status"] == "ok"
        with control.admin as client:
            [row] = client.get("/admin/v1/usage?since=2026-01-01").json()["data"]
        assert (row["key"], row["name"], row["output_tokens"], row["cost_usd"]) == (key["id"], "me", 200, "0.006")
        assert key["key"][13:] not in control.out.read_text() + control.err.read_text()
        slot.release()
        shared.close()


def test_files_and_sockets_are_private(data_dir: Path) -> None:
    with ControlPlane(data_dir) as control:
        for name in (
            "control.sock",
            "admin.sock",
            "internal.sock",
            "control.lock",
            "../gateway.db",
            "../pepper",
            "../shared.map",
        ):
            assert (control.paths.run_dir / name).stat().st_mode & 0o077 == 0, name


def test_a_stop_enters_what_is_left_and_leaves_no_socket(data_dir: Path) -> None:
    with ControlPlane(data_dir) as control:
        shared = SharedFile.open(control.paths.shared_map)
        slot = WorkerSlot.claim(shared, control.paths.run_dir)
        ring = RingWriter(slot)
        for _ in range(500):
            ring.append(settlement().pack())
        assert control.stop() == 0
        slot.release()
        shared.close()
        assert len(request_rows(data_dir)) == 500
        assert len(control.lines()) == 500
        assert list(control.paths.run_dir.glob("*.sock")) == []
        assert [event["event"] for event in control.events()] == ["control plane ready", "control plane stopped"]


def test_kill_9_at_any_moment_loses_and_doubles_nothing(data_dir: Path) -> None:
    """R4: the control plane is killed again and again while a worker goes on settling."""
    settled = []
    shared: SharedFile | None = None
    ring: RingWriter | None = None
    slot: WorkerSlot | None = None
    for round_ in range(4):
        with ControlPlane(data_dir) as control:
            if shared is None:
                shared = SharedFile.open(control.paths.shared_map)
                slot = WorkerSlot.claim(shared, control.paths.run_dir)
                ring = RingWriter(slot)
            assert ring is not None
            for _ in range(300 * (round_ + 1)):
                one = settlement()
                settled.append(one.request_id)
                assert ring.append(one.pack())
            control.process.kill()
    with ControlPlane(data_dir) as control:
        wait_for(lambda: len(request_rows(data_dir)) >= len(settled))
        assert control.stop() == 0
    assert [row[0] for row in request_rows(data_dir)] == settled
    assert slot is not None
    assert shared is not None
    slot.release()
    shared.close()


def test_a_worker_that_died_while_nobody_kept_the_books_is_settled(data_dir: Path) -> None:
    """R4: one terminal row for an admitted request, whichever process died first."""
    with ControlPlane(data_dir) as control:
        control.process.kill()
    shared = SharedFile.open(data_dir / "shared.map")
    slot = WorkerSlot.claim(shared, data_dir / "run")
    one = settlement(outcome=Outcome.WORKER_KILLED)
    InflightRows(slot).open(one.pack())
    slot.release()
    shared.close()
    with ControlPlane(data_dir):
        wait_for(lambda: request_rows(data_dir) == [(one.request_id, Outcome.WORKER_KILLED)])


@pytest.fixture
def run_here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[settings.Settings]:
    """For starts that fail before anything is served."""
    monkeypatch.setattr(process, "LOCK_WAIT_S", 0.02)
    umask = os.umask(0o022)
    yield settings.load(None, {}, data_dir=data_dir)
    os.umask(umask)


def test_two_at_once_are_refused(run_here: settings.Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with ControlLock.take(run_here.paths.control_lock), pytest.raises(SystemExit, match="1"):
        process.run(run_here)
    assert "another process holds" in capsys.readouterr().err


@pytest.mark.parametrize(("file", "content", "text"), [
    ("gateway.db", b"not a database" * 400, "is damaged"),
    ("pepper", b"short", "exactly 32 bytes"),
    ("shared.map", b"x" * 9000, "not a shared file"),
])  # fmt: skip
def test_what_cannot_be_used_is_named(
    run_here: settings.Settings, capsys: pytest.CaptureFixture[str], file: str, content: bytes, text: str
) -> None:
    path = run_here.data_dir / file
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SystemExit, match="1"):
        process.run(run_here)
    assert text in capsys.readouterr().err
    assert path.read_bytes() == content


def test_a_stranger_pepper_is_refused(run_here: settings.Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with ControlPlane(run_here.data_dir) as control, control.admin as client:
        client.post("/admin/v1/keys", json={"name": "me"})
        control.stop()
    run_here.paths.pepper.unlink()
    with pytest.raises(SystemExit, match="1"):
        process.run(run_here)
    assert "restore it from the same backup" in capsys.readouterr().err
