"""Children: kept alive, stopped without a doubt, found by a later supervisor."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import settings
from gateway.settings import Settings
from gateway.supervisor.child import (
    RESTART_WAIT_S_MAX,
    RESTART_WAIT_S_MIN,
    STEADY_S,
    Child,
    Restarts,
    Target,
    holder,
    lock_of,
    stop_holder,
)
from tests.control.served import short_dir
from tests.workers.clients import lives, wait_for


def listen(chosen: Settings) -> None:
    """A child that listens and ends at SIGTERM."""
    serve_until_signalled(chosen, signal.SIG_DFL)


def listen_stubbornly(chosen: Settings) -> None:
    """A child that listens and ignores SIGTERM."""
    serve_until_signalled(chosen, signal.SIG_IGN)


def refuse(_: Settings) -> None:
    """A child that cannot start."""
    raise SystemExit(1)


def serve_until_signalled(chosen: Settings, at_sigterm: signal.Handlers) -> None:
    signal.signal(signal.SIGTERM, at_sigterm)
    path = chosen.paths.control_sock
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        (chosen.data_dir / "port").write_text(str(chosen.port))
        while True:
            signal.pause()


@pytest.fixture
def chosen() -> Iterator[Settings]:
    with short_dir() as directory:
        found = settings.load(None, {}, data_dir=Path(directory) / "d", port=1234)
        found.paths.run_dir.mkdir(parents=True)
        yield found


def child_of(chosen: Settings, target: Target = listen) -> Child:
    return Child("control", target, chosen, chosen.paths.control_sock)


def pid_of(chosen: Settings) -> int:
    return holder(lock_of(chosen.paths, "control"))


def test_the_wait_doubles_while_it_dies_soon_and_is_forgotten_after_a_steady_life() -> None:
    restarts = Restarts()
    waits = [restarts.next_wait_s(0.5) for _ in range(9)]
    assert waits[:4] == [RESTART_WAIT_S_MIN * 2**power for power in range(4)]
    assert waits[-1] == RESTART_WAIT_S_MAX
    assert restarts.next_wait_s(STEADY_S) == 0
    assert restarts.next_wait_s(0.5) == RESTART_WAIT_S_MIN


def test_what_is_killed_now_and_then_is_started_again_at_once() -> None:
    """R4: a place whose worker is killed every six seconds is ready again within five, however often."""
    restarts = Restarts()
    assert {restarts.next_wait_s(5.5) for _ in range(70)} == {0.0}


def test_a_killed_child_comes_back_and_a_stopped_one_does_not(chosen: Settings) -> None:
    child = child_of(chosen)
    assert pid_of(chosen) == 0
    with capture_logs() as said:
        child.start()
        first = pid_of(chosen)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: pid_of(chosen) not in (0, first), "another process")
        second = pid_of(chosen)
        child.stop()
    assert not lives(second)
    assert pid_of(chosen) == 0
    assert repr(child) == "<Child control stopped>"
    assert [(line["event"], line["exit_code"], line["wait_s"]) for line in said] == [("restarting", -9, RESTART_WAIT_S_MIN)]
    child.stop()


def test_stopping_again_and_again_never_takes_the_dead_for_alive(chosen: Settings) -> None:
    """The kernel tells an end once: two that wait would disagree now and then."""
    with capture_logs() as said:
        for _ in range(4):
            child = child_of(chosen)
            child.start()
            child.stop()
            assert pid_of(chosen) == 0
    assert said == []


def test_one_that_does_not_listen_to_sigterm_is_killed(chosen: Settings) -> None:
    child = child_of(chosen, listen_stubbornly)
    child.start()
    pid = pid_of(chosen)
    with capture_logs() as said:
        child.stop(wait_s=0.2)
    assert not lives(pid)
    assert [line["event"] for line in said] == ["killed"]


def test_one_that_refuses_to_start_is_given_up_at_once(chosen: Settings) -> None:
    child = child_of(chosen, refuse)
    began_s = time.monotonic()
    with pytest.raises(RuntimeError, match="the control process did not start"):
        child.start()
    assert time.monotonic() - began_s < 10
    child.stop()


def test_a_replaced_one_goes_by_the_new_settings_without_a_wait(chosen: Settings) -> None:
    child = child_of(chosen)
    child.start()
    with capture_logs() as said:
        child.replace(replace(chosen, port=4321))
        wait_for(lambda: (chosen.data_dir / "port").read_text() == "4321", "the new settings")
        child.stop()
    assert [(line["event"], line["wait_s"]) for line in said] == [("restarting", 0.0)]


@pytest.mark.parametrize("target", [listen, listen_stubbornly])
def test_whoever_holds_the_lock_is_ended(chosen: Settings, target: Target) -> None:
    child = child_of(chosen, target)
    child.start()
    pid = pid_of(chosen)
    child._stopping.set()  # what a killed supervisor looks like: nobody keeps it
    stop_holder(lock_of(chosen.paths, "control"), wait_s=0.2)
    assert pid_of(chosen) == 0
    wait_for(lambda: not lives(pid), "its end")
    child.stop()


def test_no_process_is_started_once_it_is_being_stopped(chosen: Settings) -> None:
    """A keeper that is about to start another one must not do so behind the back of `stop`."""
    child = child_of(chosen)
    child.start()
    os.kill(pid_of(chosen), signal.SIGKILL)
    child.stop()
    last = child._process
    child._spawn()
    assert child._process is last
    assert pid_of(chosen) == 0
