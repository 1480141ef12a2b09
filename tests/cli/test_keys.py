import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.cli.conftest import Run, row, rows


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


def test_a_key_is_shown_rotated_and_ends(run: Run) -> None:
    minted = row(run("keys", "mint", "--name", "a", "--rpm", "5", "--expires", "2100-01-01", "--json"))
    key_id = str(minted["id"])
    shown = row(run("keys", "show", key_id, "--json"))
    assert shown == {name: value for name, value in minted.items() if name != "key"}
    assert shown["expires_at"] == "2100-01-01T00:00:00Z"
    assert "expires at" in run("keys", "show", key_id).stdout
    rotated = row(run("keys", "rotate", key_id, "--grace", "1h", "--json"))
    assert (rotated["replaces"], rotated["name"], rotated["rpm"]) == (key_id, "a", 5)
    assert rotated["key"] != minted["key"]
    old = row(run("keys", "show", key_id, "--json"))
    assert (old["state"], old["rotated_until"] is None) == ("active", False)
    again = run("keys", "rotate", key_id)
    assert (again.exit_code, "not in force" in again.stderr) == (1, True)
    assert "cannot be shown again" in run("keys", "rotate", str(rotated["id"]), "--grace", "0").stderr
    assert run("keys", "rotate", key_id, "--grace", "soon").exit_code == 2
    assert run("keys", "mint", "--name", "late", "--expires", "2001-01-01").exit_code == 2


def test_minting_with_a_word_is_done_once(run: Run) -> None:
    words = ("keys", "mint", "--name", "batch", "--count", "3", "--idempotency-key", "batch-7", "--json")
    assert rows(run(*words)) == rows(run(*words))
    assert len(rows(run("keys", "list", "--json"))) == 3
    other = run("keys", "mint", "--name", "other", "--idempotency-key", "batch-7")
    assert (other.exit_code, "another call" in other.stderr) == (1, True)


def test_keys_of_a_workspace_and_of_a_plan(run: Run) -> None:
    run("workspaces", "create", "blue", "--plan", "pro")
    one = row(run("keys", "mint", "--name", "one", "--workspace", "blue", "--json"))
    run("keys", "mint", "--name", "elsewhere")
    assert [key["id"] for key in rows(run("keys", "list", "--workspace", "blue", "--json"))] == [one["id"]]
    assert one["plan"] == "pro"
    second = run("keys", "mint", "--name", "two", "--workspace", "blue")
    assert (second.exit_code, "allows 1 keys" in second.stderr) == (1, True)
    several = run("keys", "mint", "--name", "many", "--workspace", "blue", "--plan", "max-5x", "--count", "2")
    assert (several.exit_code, "one key at a time" in several.stderr) == (1, True)
    assert [one["scope"] for one in rows(run("keys", "limits", str(one["id"]), "--json"))] == ["plan", "plan"]


def test_a_key_with_a_list_of_models(run: Run) -> None:
    minted = row(run("keys", "mint", "--name", "a", "--models", "opus, gpt-4*", "--json"))
    key_id = str(minted["id"])
    assert minted["models"] == ["opus", "gpt-4*"]
    assert "opus, gpt-4*" in run("keys", "show", key_id).stdout
    assert run("keys", "allow", key_id, "haiku").stdout == f"{key_id} (a) may use haiku\n"
    assert row(run("keys", "show", key_id, "--json"))["models"] == ["haiku"]
    assert row(run("keys", "allow", key_id, "all", "--json"))["models"] == []
    assert run("keys", "show", key_id).stdout.split("models")[1].split()[0] == "all"
    assert run("keys", "allow", key_id, "opos").exit_code == 2
    assert run("keys", "mint", "--name", "b", "--models", "opus,").exit_code == 2
    wrong = run("keys", "allow", "key_0000000000000000000000", "opus")
    assert (wrong.exit_code, "no key" in wrong.stderr) == (1, True)
