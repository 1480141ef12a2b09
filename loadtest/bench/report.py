"""The results as files: JSON for programs, a table for people, the same table in the README.

Owns: their formats and names. Refuses to know: how a figure came about.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.goals import Figure

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1000 else f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def row(figure: Figure) -> str:
    """One line of the table."""
    goal, value = figure.goal, figure.value
    shown = "-" if value is None else f"**{number(value.median)}** {goal.unit}"
    lowest_highest = "-" if value is None else f"{number(value.low)} to {number(value.high)}"
    step = "" if goal.first_step is None else f" (first step {number(goal.first_step)})"
    return f"| {goal.title} | {shown} | {lowest_highest} | {number(goal.goal)}{step} | {figure.verdict} | {figure.context} |"


def table(figures: Sequence[Figure], facts: Mapping[str, str]) -> str:
    """The Markdown table with the machine below it."""
    head = ["| figure | median | rounds | at most | verdict | made of |", "|---|---|---|---|---|---|"]
    machine = ", ".join(f"{name} {value}" for name, value in facts.items())
    return "\n".join([*head, *(row(figure) for figure in figures), "", f"Measured on: {machine}."]) + "\n"


def document(figures: Sequence[Figure], facts: Mapping[str, str], settings: Mapping[str, Any], rounds: Any) -> dict[str, Any]:
    """Everything a run found, ready for JSON; `rounds` holds the raw rounds by measurement and target."""
    rows = [
        {
            "id": figure.id,
            "title": figure.goal.title,
            "unit": figure.goal.unit,
            "median": figure.value and figure.value.median,
            "low": figure.value and figure.value.low,
            "high": figure.value and figure.value.high,
            "goal": figure.goal.goal,
            "first_step": figure.goal.first_step,
            "verdict": figure.verdict,
            "context": figure.context,
        }
        for figure in figures
    ]
    return {"machine": dict(facts), "settings": dict(settings), "figures": rows, "rounds": rounds}


def write_results(folder: Path, name: str, found: dict[str, Any], markdown: str) -> Path:
    """Writes `<name>.json` and `latest.md` into the folder, returns the path of the JSON file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    (folder / "latest.md").write_text(f"# Latest run of the bench: {name}\n\n{markdown}")
    return path


def rewrite_between_markers(text: str, markdown: str) -> str:
    """The text with what stands between the two markers replaced; unchanged when they are not there in this order."""
    begin = text.find(BEGIN)
    end = text.find(END, begin + len(BEGIN)) if begin >= 0 else -1
    if end < 0:
        return text
    return f"{text[: begin + len(BEGIN)]}\n{markdown}{text[end:]}"


def rewrite_readme(path: Path, markdown: str) -> bool:
    """Puts the table into a README that has the markers; says whether it did."""
    if not path.exists():
        return False
    before = path.read_text()
    after = rewrite_between_markers(before, markdown)
    if after == before:
        return False
    path.write_text(after)
    return True
