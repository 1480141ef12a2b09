import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.control.store import NewKey
from tests.control.office import STARTED_NS, Office, Worker, enter_keys, settlement


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An installation with three requests of two models in its books."""
    office = Office(tmp_path)
    enter_keys(office.store, NewKey("key_a", b"\1" * 32, "me", "sk", "AA"))
    worker = Worker(office)
    worker.settle(
        settlement(), settlement(started_ns=STARTED_NS + 86_400 * 10**9), settlement(model_served="evil\x1b[2J", status=500)
    )
    office.drain().enter_all()
    worker.die()
    office.close()
    return tmp_path


def usage(data_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["usage", "--data-dir", str(data_dir), "--since", "2026-01-01", *arguments])


def test_json_has_all_figures(data_dir: Path) -> None:
    shown = json.loads(usage(data_dir, "--by", "model", "--json").stdout)
    assert (shown["by"], shown["since"]) == ("model", "2026-01-01")
    assert [(row["model"], row["requests"], row["errors"], row["input_tokens"]) for row in shown["rows"]] == [
        ("claude-sonnet-4-5", 2, 0, 2000), ("evil\x1b[2J", 1, 1, 1000),
    ]  # fmt: skip
    assert shown["rows"][0]["cost_usd"] == "0.012"


def test_people_get_a_table(data_dir: Path) -> None:
    heading, row = usage(data_dir).stdout.splitlines()
    assert heading.split()[:4] == ["name", "key", "requests", "errors"]
    assert row.split()[:5] == ["me", "key_a", "3", "1", "3,000"]
    assert "\x1b" not in usage(data_dir, "--by", "model").stdout
    assert [line.split()[0] for line in usage(data_dir, "--by", "day").stdout.splitlines()] == ["day", "2026-11-18", "2026-11-19"]


def test_since_leaves_out_what_is_older(data_dir: Path) -> None:
    shown = CliRunner().invoke(main, ["usage", "--data-dir", str(data_dir), "--since", "2026-11-19", "--json"])
    assert json.loads(shown.stdout)["rows"][0]["requests"] == 1


@pytest.mark.parametrize("arguments", [["--by", "owner"], ["--since", "yesterday"], ["--colour"]])
def test_wrong_usage_is_2(data_dir: Path, arguments: list[str]) -> None:
    assert usage(data_dir, *arguments).exit_code == 2


def test_no_installation_is_1(tmp_path: Path) -> None:
    assert usage(tmp_path / "none").exit_code == 1
