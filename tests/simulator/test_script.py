import dataclasses
import typing
from pathlib import Path

import pytest

from gateway.simulator import script
from gateway.simulator.script import KEYS, Script, ScriptError, line_in, read_header, read_line, table

EXAMPLES = {
    "N": "7",
    "R": "12.5",
    "NAME": "a_tool",
    "NNN": "529",
    "S": "3",
    "TEXT": "slow down",
    "CODE": "file_expired",
    "URL": "http://x/",
    "MS": "20",
}


def test_every_field_has_a_row_and_every_row_a_field() -> None:
    assert set(KEYS) == {field.name for field in dataclasses.fields(Script)}


@pytest.mark.parametrize("name", KEYS)
def test_every_key_reads_a_value_of_its_fields_type(name: str) -> None:
    key = KEYS[name]
    for form in key.form.split("|") if key.form else ["1"]:
        value = getattr(read_header(f"{name}={EXAMPLES.get(form, form)}", Script()), name)
        declared = typing.get_type_hints(Script)[name]
        assert isinstance(value, declared)
        assert not (isinstance(value, bool) and declared is not bool)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_alone_works_only_where_the_table_says_so(name: str) -> None:
    if KEYS[name].bare is None:
        with pytest.raises(ScriptError, match=f"{name} needs a value"):
            read_header(name, Script())
    else:
        assert getattr(read_header(name, Script()), name) == KEYS[name].read(KEYS[name].bare or "")


def test_a_header_is_read_over_the_base_key_by_key() -> None:
    base = read_header("text_tokens=5;chunk=2", Script())
    read = read_header("chunk=3 ; sha", base)
    assert (read.text_tokens, read.chunk, read.sha) == (5, 3, True)


def test_a_line_takes_quoted_values() -> None:
    read = read_line('status=429 message="try later; or = never" retry_after=9', Script())
    assert (read.status, read.message, read.retry_after) == (429, "try later; or = never", 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed=9", "unknown key 'speed'"),
        ("text_tokens=-1", "text_tokens must be a whole number"),
        ("text_tokens=1e3", "text_tokens must be a whole number"),
        ("text_tokens=1000001", "text_tokens must be a whole number"),
        ("chunk=0", "chunk must be a whole number from 1"),
        ("tokens_per_s=inf", "tokens_per_s must be a number"),
        ("status=200", "status must be a whole number from 400"),
        ("cut=soft", "cut must be one of fin, rst"),
        ("fixture=../../etc/passwd", "fixture must be a name"),
        ("redirect=http://a/\r\nx: y", "redirect must be an address"),
        ("message=a\r\nb", "message must be one printable line"),
        ("sha=maybe", "sha must be 1 or 0"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(ScriptError, match=said):
        read_header(text, Script())


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(ScriptError, match="quote"):
        read_line('message="oops', Script())


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("say hi", None),
        ("[[simulate text_tokens=5]]", "text_tokens=5"),
        ("a\n[[simulate status=500]]\nb [[simulate  sha]] c", "sha"),
        ("[[simulate]]", ""),
        ("[[simulate text_tokens=5", None),
        ("[[simulated status=500]]", None),
    ],
)
def test_the_last_line_of_a_prompt_is_found(prompt: str, line: str | None) -> None:
    assert line_in(prompt) == line


def test_the_readme_tells_every_key_in_the_tables_words() -> None:
    readme = (Path(script.__file__).parent / "README.md").read_text()
    for name, key in KEYS.items():
        form = f"{name}={key.form}".replace("|", "\\|") if key.form else name
        assert f"| `{form}` | {key.does} |" in readme


def test_the_table_tells_every_key() -> None:
    assert [row.split(" ")[0].split("=")[0] for row in table().splitlines()] == list(KEYS)
