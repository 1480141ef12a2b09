"""Reload by order: read as a whole first, told to the supervisor then, answered with what stays."""

from pathlib import Path

import pytest

from gateway import settings
from gateway.control.orders import OrderError
from gateway.control.reload import reload, tell_supervisor

TWO_DEFAULTS = "".join(
    f"[[provider]]\nname = '{name}'\ndialect = 'anthropic'\nbase_url = 'http://127.0.0.1:9'\nkeys_env = 'K'\ndefault = true\n"
    for name in ("one", "two")
)


def test_the_supervisor_is_told_and_what_stays_is_answered(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("port = 8081\n")
    present = settings.load(tmp_path, {}, workers=2)
    told: list[str] = []
    assert reload(present, lambda: told.append("once")) == []
    (tmp_path / "gateway.toml").write_text("port = 8082\nbody_timeout_s = 7\n")
    assert reload(present, lambda: told.append("twice")) == [settings.Waiting("port", "8081", "8082")]
    assert told == ["once", "twice"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("models.toml", '[aliases]\n"a" = "b"\n"b" = "a"\n', "models.toml:2: `a` leads into a loop"),
        (
            "models.toml",
            "[[route]]\nmodels = 'a'\ntargets = 'nobody'\n",
            "models.toml:3: `nobody`: there is no provider `nobody`",
        ),
        ("models.toml", "[defaults]\nclaude = 'anthropic'\nclaude = 'openai'\n", "models.toml:3: "),
        ("providers.toml", TWO_DEFAULTS, "providers.toml:12: there is a default provider already"),
        ("providers.toml", "[[provider]\n", "providers.toml:1: "),
    ],
)
def test_neither_a_start_nor_a_reload_takes_a_bad_file(tmp_path: Path, name: str, text: str, problem: str) -> None:
    """Loops of aliases, unknown providers, two defaults, no TOML: named by file and line, and what was in force stays."""
    present = settings.load(tmp_path, {})
    (tmp_path / name).write_text(text)
    told: list[str] = []
    with pytest.raises(OrderError, match=f"unchanged: .*{problem}"):
        reload(present, lambda: told.append("told"))
    assert told == []
    with pytest.raises(settings.SettingsError) as refused:
        settings.load(tmp_path, {})
    assert any(problem in one for one in refused.value.problems)


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
