"""tools/python, which chooses the Python that .venv is built with; and what the Makefile asks of the bench."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.__main__ import FIGURES, WATCHED, parse_arguments

ROOT = Path(__file__).parents[1]


def _chosen(*candidates: str | Path) -> tuple[int, str]:
    done = subprocess.run(["sh", "tools/python", *map(str, candidates)], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def _python(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_real_python_is_taken() -> None:
    assert _chosen(sys.executable) == (0, sys.executable)


def test_the_first_of_the_best_wins_and_without_one_the_first_that_serves(tmp_path: Path) -> None:
    old = _python(tmp_path / "old", "exit 1")
    plain = _python(tmp_path / "plain", "echo serves")
    best = _python(tmp_path / "best", "echo best")
    better_late = _python(tmp_path / "late", "echo best")
    assert _chosen(old, plain, best, better_late) == (0, str(best))
    assert _chosen("/nowhere/python3", old, plain) == (0, str(plain))


def test_without_any_there_is_none_and_it_says_so_by_its_status(tmp_path: Path) -> None:
    assert _chosen("/nowhere/python3", _python(tmp_path / "old", "exit 1")) == (1, "")


@pytest.mark.parametrize(("given", "measured"), [((), FIGURES), (("CONSOLE=1",), WATCHED)])
def test_the_bench_understands_what_make_asks_of_it(given: tuple[str, ...], measured: tuple[str, ...]) -> None:
    said = subprocess.run(["make", "--dry-run", "bench", *given], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [line] = [line for line in said.splitlines() if "-m loadtest.bench" in line]
    options = parse_arguments(line.partition("-m loadtest.bench")[2].split())
    assert (options.only, options.console) == (measured, bool(given))
