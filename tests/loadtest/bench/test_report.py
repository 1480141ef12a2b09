import json
from pathlib import Path

from loadtest.bench import report
from loadtest.bench.goals import Figure
from loadtest.bench.spread import Spread

FIGURES = [
    Figure("p1", Spread(4.25, 4.0, 5.0), "gateway 61.2 us per call, nginx 14.4 us per call"),
    Figure("p2", None, "nginx is not installed"),
]


def test_the_table_has_value_spread_goal_and_verdict() -> None:
    lines = report.table(FIGURES, {"cores": "2"}).splitlines()
    assert lines[2] == (
        "| P1 CPU per plain call, 50 connections | **4.25** x nginx | 4 to 5 | 3 (first step 6) | first step "
        "| gateway 61.2 us per call, nginx 14.4 us per call |"
    )
    assert "| - | - | 1.30 (first step 1.80) | not measured |" in lines[3]
    assert lines[-1] == "Measured on: cores 2."


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    before = "# Top\n<!-- bench -->\nold\n<!-- /bench -->\nend\n"
    assert report.rewrite_between_markers(before, "new\n") == "# Top\n<!-- bench -->\nnew\n<!-- /bench -->\nend\n"


def test_a_text_without_both_markers_in_order_stays_as_it_is() -> None:
    for text in ("", "no markers", "<!-- bench --> only one", "<!-- /bench --> wrong order <!-- bench -->"):
        assert report.rewrite_between_markers(text, "new") == text


def test_the_readme_is_rewritten_once(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    assert not report.rewrite_readme(readme, "new\n")
    readme.write_text("<!-- bench -->\n<!-- /bench -->\n")
    assert report.rewrite_readme(readme, "new\n")
    assert not report.rewrite_readme(readme, "new\n")


def test_results_are_json_and_a_page(tmp_path: Path) -> None:
    found = report.document(FIGURES, {"cores": "2"}, {"pairs": 5}, {})
    path = report.write_results(tmp_path / "results", "2026-01-01-abc", found, "table\n")
    rows = json.loads(path.read_text())["figures"]
    assert [(row["id"], row["median"], row["verdict"]) for row in rows] == [
        ("p1", 4.25, "first step"),
        ("p2", None, "not measured"),
    ]
    assert (tmp_path / "results" / "latest.md").read_text().endswith("table\n")
