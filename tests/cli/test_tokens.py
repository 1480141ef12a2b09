"""`gateway tokens`: what people and scripts see."""

import json
from pathlib import Path

from click.testing import CliRunner

from gateway.cli import main

REQUEST = {"model": "ignored", "system": "You are a scientist", "messages": [{"role": "user", "content": "Hello, Claude"}]}


def run(*arguments: str, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["tokens", *arguments], input=text)
    return result.exit_code, result.output


def test_text_from_standard_input() -> None:
    assert run("--model", "claude-opus-4-5", text="hello, world") == (
        0,
        "10 input tokens, estimated for claude-opus-4-5 (v3), counted as a text\n",
    )


def test_a_request_from_a_file_as_json(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(REQUEST))
    code, output = run(str(path), "--model", "claude-opus-4-5", "--json")
    assert code == 0
    assert json.loads(output) == {
        "input_tokens": 14,
        "model": "claude-opus-4-5",
        "family": "v3",
        "counted_as": "request",
        "method": "estimate",
    }


def test_json_that_is_no_request_is_text() -> None:
    code, output = run("-", "--json", text='{"a": 1}')
    answer = json.loads(output)
    assert (code, answer["counted_as"]) == (0, "text")
    assert answer["input_tokens"] == answer["text_tokens"] + 6


def test_bytes_that_are_no_text_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "noise"
    path.write_bytes(bytes(range(256)))
    assert run(str(path))[0] == 0


def test_a_missing_file_is_wrong_usage() -> None:
    assert run("/nonexistent/file")[0] == 2
