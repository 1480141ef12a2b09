"""Compiled modules hide their sources: an edited one is noticed."""

import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from click.testing import CliRunner

import gateway.compiled
from gateway.cli.serve import serve
from gateway.compiled import compiled, stale


def module(package: Path, name: str, *, built_s: int | None, edited_s: int) -> None:
    source = package / f"{name}.py"
    source.write_text("")
    os.utime(source, (edited_s, edited_s))
    if built_s is not None:
        library = package / (name + EXTENSION_SUFFIXES[0])
        library.write_bytes(b"")
        os.utime(library, (built_s, built_s))


def test_only_what_is_older_than_its_source_is_stale(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    module(tmp_path, "fresh", built_s=200, edited_s=100)
    module(tmp_path / "inner", "old", built_s=100, edited_s=200)
    module(tmp_path, "plain", built_s=None, edited_s=100)
    assert [path.name for path in compiled(tmp_path)] == ["fresh.py", "old.py"]
    assert stale(tmp_path) == [str(Path("inner/old.py"))]


def test_serve_refuses_to_run_something_else_than_its_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gateway.compiled, "stale", lambda: ["dataplane/calls.py"])
    result = CliRunner().invoke(serve, ["--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "dataplane/calls.py" in result.output
    assert "make compile" in result.output
