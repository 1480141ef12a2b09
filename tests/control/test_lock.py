import subprocess
import sys
from pathlib import Path

import pytest

from gateway.control.lock import ControlLock, LockTakenError

HOLD = """
import sys
from pathlib import Path
from gateway.control.lock import ControlLock
lock = ControlLock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_process_at_a_time_and_death_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "data" / "run" / "control.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(LockTakenError, match=r"control\.lock"):
            ControlLock.take(path, wait_s=0.01)
        child.kill()
        with ControlLock.take(path, wait_s=10):
            pass
    assert path.parent.stat().st_mode & 0o777 == path.parent.parent.stat().st_mode & 0o777 == 0o700


def test_it_can_be_given_back(tmp_path: Path) -> None:
    lock = ControlLock.take(tmp_path / "run" / "lock")
    lock.release()
    lock.release()
    ControlLock.take(tmp_path / "run" / "lock").release()
