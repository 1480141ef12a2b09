from pathlib import Path

import pytest

from gateway.simulator.process import SimulatorProcess
from tests.cli.conftest import Run, row, rows
from tests.control.served import ControlPlane, short_dir

GOOD, BAD = "sk-ant-api03-taken-by-the-upstream", "sk-ant-api03-canary-refused"


def test_the_pool_is_shown_and_keys_are_drained_and_resumed(run: Run) -> None:
    run("keys", "mint", "--name", "a")
    (key,) = rows(run("pool", "list", "--json"))
    assert (key["provider"], key["number"], key["state"], key["drained"], key["calls"]) == ("simulator", 1, "healthy", False, 0)
    table = run("pool", "list").stdout.splitlines()
    assert table[0].split() == [
        "provider",
        "number",
        "state",
        "out",
        "s",
        "in",
        "flight",
        "calls",
        "fine",
        "limited",
        "failed",
        "ttft",
        "ms",
    ]
    assert table[1].split()[:4] == ["simulator", "1", "healthy", "0"]
    assert row(run("pool", "drain", "simulator", "1", "--json"))["drained"] is True
    assert run("pool", "list").stdout.splitlines()[1].split()[2] == "drained"
    assert row(run("pool", "resume", "simulator", "1", "--json"))["drained"] is False
    assert "nothing was asked yet" in run("pool", "list", "--models").stderr
    assert rows(run("pool", "list", "--models", "--json")) == []


def test_refusals(run: Run) -> None:
    run("keys", "mint", "--name", "a")
    for words, text in (
        (("drain", "simulator", "2"), "simulator has no key 2"),
        (("resume", "anthropic", "1"), "anthropic has no key 1"),
        (("test", "nobody", "1"), "nobody has no key 1"),
        (("test", "../pool", "1"), "not an id"),
    ):
        refused = run("pool", *words)
        assert (refused.exit_code, refused.stdout) == (1, ""), words
        assert text in refused.stderr
    assert run("pool", "drain", "simulator", "0").exit_code == 2
    assert run("pool", "drain", "simulator").exit_code == 2


def test_keys_are_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """R12: a wrong key is named by its number."""
    from click.testing import CliRunner

    from gateway.cli import main

    with short_dir() as directory, SimulatorProcess(keys=[GOOD]) as sim:
        monkeypatch.setenv("GATEWAY_DATA_DIR", directory)
        with ControlPlane(Path(directory), ANTHROPIC_API_KEY=f"{GOOD},{BAD}", ANTHROPIC_UPSTREAM_URL=sim.url):
            taken = CliRunner().invoke(main, ["pool", "test", "anthropic", "1"])
            assert taken.exit_code == 0, taken.output
            assert "taken" in taken.stdout
            refused = CliRunner().invoke(main, ["pool", "test", "anthropic", "2", "--json"])
            assert refused.exit_code == 1
            assert '"status":401' in refused.stdout
            assert "key 2 of anthropic is refused" in refused.stderr
            assert "canary" not in taken.output + refused.output
