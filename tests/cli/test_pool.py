from pathlib import Path
from typing import Any

import pytest

from gateway.cli.pool import at_model, shown
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


def standing(state: str = "healthy", out_s: int = 0, reason: str = "") -> dict[str, Any]:
    return {"state": state, "out_s": out_s, "reason": reason or ("" if state == "healthy" else state)}


def at(model: str, state: str = "healthy", out_s: int = 0, reason: str = "") -> dict[str, Any]:
    return {"model": model, **standing(state, out_s, reason), "room": {}}


def named(one: dict[str, Any], models: list[dict[str, Any]] | None = None, *, drained: bool = False) -> dict[str, Any]:
    counted = {"failed": 1, "overloaded": 2, "refused": 3, "unpaid": 4}
    return {"provider": "p", "number": 1, "drained": drained, **one, **counted, "models": models or []}


@pytest.mark.parametrize(
    ("key", "provider", "words", "out_s"),
    [
        (named(standing()), named(standing()), "healthy", 0),
        (named(standing("refused", 50)), named(standing()), "refused", 50),
        (named(standing("due", 0, "unpaid")), named(standing()), "due after unpaid", 0),
        (named(standing("probing", 0, "failing")), named(standing()), "probing after failing", 0),
        (named(standing(), [at("m", "limited", 7), at("n")]), named(standing()), "limited at m", 7),
        (named(standing("due", 0, "refused"), [at("m", "limited", 7)]), named(standing()), "limited at m", 7),
        (named(standing(), [at("m", "limited", 7), at("n", "limited", 9)]), named(standing()), "limited at 2 models", 9),
        (named(standing()), named(standing(), [at("m", "overloaded", 3)]), "provider overloaded at m", 3),
        (named(standing("refused", 50)), named(standing("failing", 4)), "provider failing", 4),
        (named(standing("refused", 50), drained=True), named(standing("failing", 4)), "drained", None),
        (named(standing()), named(standing("due", 0, "failing")), "provider due after failing", 0),
        (named(standing("due", 0, "refused")), named(standing("due", 0, "failing")), "provider due after failing", 0),
        (named(standing(), [at("m", "limited", 7)]), named(standing("due", 0, "failing")), "limited at m", 7),
        (named(standing(), [at("m", "due", 0, "limited")]), named(standing()), "due after limited at m", 0),
        (named(standing(), [at("m", "due", 0, "limited"), at("n", "limited", 2)]), named(standing()), "limited at n", 2),
        (named(standing()), named(standing(), [at("m", "due", 0, "overloaded")]), "provider due after overloaded at m", 0),
        (named(standing("due", 0, "refused"), [at("m", "due", 0, "limited")]), named(standing()), "due after refused", 0),
    ],
)
def test_a_line_says_why_and_until_when(key: dict[str, Any], provider: dict[str, Any], words: str, out_s: int | None) -> None:
    line = shown(key, [provider])
    assert (line["state"], line["out_s"]) == (words, out_s)
    assert line["failed"] == 10


def test_a_line_of_a_model_that_is_to_be_probed() -> None:
    key, provider = named(standing("due", 0, "refused")), named(standing("due", 0, "failing"))
    assert at_model(key, at("m"), provider)["state"] == "provider due after failing"
    assert at_model(key, at("m", "due", 0, "limited"), named(standing()))["state"] == "due after refused"
    assert at_model(named(standing()), at("m", "due", 0, "limited"), named(standing()))["state"] == "due after limited"


@pytest.mark.parametrize(
    ("key", "provider", "words", "out_s"),
    [
        (named(standing()), named(standing()), "limited", 7),
        (named(standing()), named(standing(), [at("m", "overloaded", 8), at("n", "overloaded", 9)]), "provider overloaded", 8),
        (named(standing()), named(standing(), [at("m", "overloaded", 3)]), "limited", 7),
        (named(standing("due", 0, "refused")), named(standing("due", 0, "failing")), "limited", 7),
        (named(standing("refused", 50)), named(standing()), "refused", 50),
        (named(standing()), named(standing("failing", 4)), "provider failing", 4),
        (named(standing(), drained=True), named(standing()), "drained", None),
    ],
)
def test_a_line_of_a_model_says_what_keeps_the_key_from_it(
    key: dict[str, Any], provider: dict[str, Any], words: str, out_s: int | None
) -> None:
    line = at_model(key, at("m", "limited", 7), provider)
    assert (line["model"], line["state"], line["out_s"], line["left"]) == ("m", words, out_s, None)
