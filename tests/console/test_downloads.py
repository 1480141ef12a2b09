import csv
import io
import json

import pytest

from gateway.console.downloads import BOM, as_csv, as_env, as_json, cell, download
from tests.console.hostile import FORMULAS, NAMES


@pytest.mark.parametrize("text", [*FORMULAS, "\tx", "\rx", "\nx"])
def test_a_formula_becomes_text(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_everything_else_stays_as_it_is() -> None:
    assert [cell(value) for value in ("a=1", "", None, 5, "a-b", "0")] == ["a=1", "", "", "5", "a-b", "0"]


def test_rows_come_back_as_they_went() -> None:
    rows = [{"name": name, "key": f"k{number}"} for number, name in enumerate(NAMES)]
    written = as_csv(rows, ("name", "key"))
    assert written.startswith(BOM)
    read = list(csv.DictReader(io.StringIO(written.removeprefix(BOM), newline="")))
    assert [row["name"].removeprefix("'") for row in read] == [name.removeprefix("'") for name in NAMES]
    assert not any(row["name"][:1] in ("=", "+", "-", "@") for row in read)
    assert json.loads(as_json(rows, ("name", "key"))) == rows


def test_variables_have_names_that_a_shell_takes() -> None:
    rows = [{"name": name, "key": "v"} for name in ("team", "team", "a b/c", "\u043a\u043b\u044e\u0447", "x\nEVIL=1")]
    assert as_env(rows, ()).splitlines() == [
        "SLUICE_TEAM=v",
        "SLUICE_TEAM_2=v",
        "SLUICE_A_B_C=v",
        "SLUICE_KEY=v",
        "SLUICE_X_EVIL_1=v",
    ]


def test_a_file_is_not_kept_by_anybody() -> None:
    answer = download("csv", "keys", [{"name": "a"}], ("name",))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="keys.csv"'
