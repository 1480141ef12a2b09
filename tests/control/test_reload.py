"""Reload by order: read as a whole first, told to the supervisor then, answered with what stays."""

from pathlib import Path

import pytest

from gateway import settings
from gateway.control.orders import OrderError
from gateway.control.reload import reload, tell_supervisor


def test_the_supervisor_is_told_and_what_stays_is_answered(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("port = 8081\n")
    present = settings.load(tmp_path, {}, workers=2)
    told: list[str] = []
    assert reload(present, lambda: told.append("once")) == []
    (tmp_path / "gateway.toml").write_text("port = 8082\nbody_timeout_s = 7\n")
    assert reload(present, lambda: told.append("twice")) == ["port was 8081 at start and is now 8082: that needs a restart"]
    assert told == ["once", "twice"]


def test_a_mistake_changes_nothing(tmp_path: Path) -> None:
    present = settings.load(tmp_path, {})
    (tmp_path / "models.toml").write_text('[aliases]\n"a" = "b"\n"b" = "a"\n')
    (tmp_path / "providers.toml").write_text("[[provider]]\nname = 'x'\n")
    told: list[str] = []
    with pytest.raises(OrderError, match=r"unchanged: .*providers.toml:1: .*models.toml:2: `a` leads into a loop"):
        reload(present, lambda: told.append("told"))
    assert told == []


def test_without_a_supervisor_nobody_is_told() -> None:
    with pytest.raises(OrderError, match="no supervisor"):
        tell_supervisor()
