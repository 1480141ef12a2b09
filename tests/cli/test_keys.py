import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def gateway(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_one_json_line_a_key(data_dir: Path) -> None:
    options = [
        "--plan",
        "max-20x",
        "--rpm",
        "5",
        "--itpm",
        "6",
        "--otpm",
        "7",
        "--budget-tokens",
        "8",
        "--budget-usd",
        "9.5",
        "--concurrency",
        "2",
    ]
    minted = gateway("keys", "mint", "--name", "team", "--count", "3", "--workspace", "lab", *options, "--json")
    assert minted.exit_code == 0, minted.output
    lines = [json.loads(line) for line in minted.stdout.splitlines()]
    assert [line["name"] for line in lines] == ["team-001", "team-002", "team-003"]
    assert all(len(line["key"]) == 108 and line["id"].startswith("key_") for line in lines)
    limits = {
        name: lines[0][name]
        for name in ("plan", "rpm", "itpm", "otpm", "budget_tokens", "budget_usd", "concurrency", "workspace")
    }
    assert list(limits.values()) == ["max-20x", 5, 6, 7, 8, "9.50", 2, "lab"]
    assert minted.stderr == ""
    listed = [json.loads(line) for line in gateway("keys", "list", "--json").stdout.splitlines()]
    assert listed == [{name: value for name, value in line.items() if name != "key"} for line in lines]
    assert (data_dir / "gateway.db").exists()


def test_for_people_there_is_a_table_and_a_warning(data_dir: Path) -> None:
    minted = gateway("keys", "mint", "--name", "me")
    heading, row = minted.stdout.splitlines()
    assert heading.split() == ["name", "id", "key"]
    assert row.split()[2].startswith("sk-ant-api03-")
    assert "cannot be shown again" in minted.stderr
    listed = gateway("keys", "list").stdout
    assert row.split()[1] in listed
    assert row.split()[2] not in listed


def test_revoking(data_dir: Path) -> None:
    key = json.loads(gateway("keys", "mint", "--name", "me", "--json").stdout)
    assert gateway("keys", "revoke", key["id"]).stdout == f"revoked {key['id']} (me)\n"
    assert json.loads(gateway("keys", "list", "--json").stdout)["state"] == "revoked"
    wrong = gateway("keys", "revoke", "key_0000000000000000000000")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "no key key_0000000000000000000000" in wrong.stderr


@pytest.mark.parametrize("options", [
    [], ["--name"], ["--name", "a", "--count", "0"], ["--name", "a", "--count", "501"], ["--name", "a", "--rpm", "0"],
    ["--name", "a", "--rpm", "x"],
    ["--name", "a", "--budget-usd", "-1"], ["--name", "a", "--budget-usd", "1e3"], ["--name", "a", "--colour", "red"],
])  # fmt: skip
def test_wrong_usage_is_2_and_does_nothing(data_dir: Path, options: list[str]) -> None:
    assert gateway("keys", "mint", *options).exit_code == 2
    assert not data_dir.exists()


def test_a_refusal_is_1(data_dir: Path) -> None:
    refused = gateway("keys", "mint", "--name", "a\tb")
    assert refused.exit_code == 1
    assert "printable" in refused.stderr
    assert gateway("keys", "list").exit_code == 0


def test_nothing_to_list_is_1(data_dir: Path) -> None:
    assert gateway("keys", "list").exit_code == 1
