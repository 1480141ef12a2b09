"""Strict reading of TOML: every complaint has the right line, and all of them come at once."""

import pickle

import pytest

from gateway.catalog.document import Document, SettingsError

TRICKY = '''# port = 1 in a comment is no key
note = """
port = 2 in a string is no key
[server]
"""

[server]
port = 8080
list = [
  1,
  # [[row]]
  2,
]
inner = { deep = "x" }
"dotted.key" = 1
a.b = 2

[[row]]
name = "one"

[[row]]
name = "two"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("note",), 2),
        (("server",), 7),
        (("server", "port"), 8),
        (("server", "list"), 9),
        (("server", "inner", "deep"), 14),
        (("server", "dotted.key"), 15),
        (("server", "a", "b"), 16),
        (("row", 0), 18),
        (("row", 0, "name"), 19),
        (("row", 1), 21),
        (("row", 1, "name"), 22),
        (("nowhere",), 22),
    ],
)
def test_a_key_is_found_where_its_statement_begins(path: tuple[str | int, ...], line: int) -> None:
    assert Document("f", TRICKY).line_of(path) == line


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_counted_with_either_end(end: str) -> None:
    assert Document("f", end.join(["a = 1", "", "b = 2"])).line_of(("b",)) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ("a = 1\na = 2\n", 2),
        ('a = 1\nb = """never closed', 2),
        ("a = 1\n[t\n", 2),
        ("a = 99999999999999999999999\n", None),
    ],
)
def test_broken_text_is_one_complaint_with_its_line(text: str, line: int | None) -> None:
    document = Document("x.toml", text)
    if line is None:
        assert document.root.whole("a", 0, 10) == 0
        assert document.problems == ["x.toml:1: `a` must be from 0 to 10, not 99999999999999999999999"]
        return
    assert len(document.problems) == 1
    assert document.problems[0].startswith(f"x.toml:{line}: ")
    assert document.root.text("missing") == ""
    assert len(document.problems) == 1, "a broken file must not also be told to lack every key"


def test_readers_report_all_and_go_on() -> None:
    document = Document(
        "x.toml", 'text = 1\nwhole = "1"\ntruth = true\nfar = 11\nnumber = "x"\nnan = nan\nword = "c"\nday = "2026-01-01"\n'
    )
    root = document.root
    assert root.text("text", "stand-in") == "stand-in"
    assert root.whole("whole", 1, 9) == 1
    assert root.whole("truth", 1, 9) == 1
    assert root.whole("far", 1, 9) == 1
    assert root.number("number", 0.5, 9) == 0.5
    assert root.number("nan", 0.5, 9) == 0.5
    assert root.choice("word", ("a", "b")) == "a"
    assert root.midnight_ns("day") == 0
    assert root.text("gone") == ""
    root.close()
    assert document.problems == [
        "x.toml:1: `text` must be a string",
        "x.toml:2: `whole` must be a whole number",
        "x.toml:3: `truth` must be a whole number",
        "x.toml:4: `far` must be from 1 to 9, not 11",
        "x.toml:5: `number` must be a number",
        "x.toml:6: `nan` must be from 0.5 to 9, not nan",
        "x.toml:7: `word` must be one of a, b",
        "x.toml:8: `day` must be a date without quotes, such as 2026-01-31",
        "x.toml:1: `gone` is missing",
    ]


def test_good_values_are_read() -> None:
    document = Document("x", 'text = ""\nwhole = 9\nnumber = 1\nday = 1970-01-02\nword = "b"\n[names]\na = "b"\n')
    root = document.root
    assert (root.text("text"), root.whole("whole", 1, 9), root.number("number", 0, 2)) == ("", 9, 1.0)
    assert root.midnight_ns("day") == 86_400_000_000_000
    assert root.midnight_ns("no_day") == 0
    assert root.choice("word", ("a", "b")) == "b"
    assert root.texts("names") == {"a": "b"}
    assert root.texts("none") == {}
    root.close()
    assert document.problems == []


def test_unknown_keys_are_named_with_what_was_probably_meant() -> None:
    document = Document("x", "prot = 1\nzzz = 2\n")
    document.root.whole("port", 0, 9, default=5)
    document.root.close()
    assert document.problems == ["x:1: unknown key `prot`, did you mean `port`?", "x:2: unknown key `zzz`"]


def test_tables_must_be_tables() -> None:
    document = Document("x", "one = 1\nmany = 2\nmixed = [1]\nnames = 3\n[deep]\na = 4\n")
    assert document.root.table("one") is None
    assert list(document.root.tables("many")) == []
    assert list(document.root.tables("mixed")) == []
    assert document.root.texts("names") == {}
    assert document.root.texts("deep") == {}
    assert [problem.split(": ", 1)[1] for problem in document.problems] == [
        "`one` must be a table",
        "`many` must be written as [[many]]",
        "`mixed` must be written as [[mixed]]",
        "`names` must be a table",
        "`a` must be a string",
    ]


def test_the_error_carries_every_problem_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(SettingsError(["a:1: x", "b:2: y"])))
    assert error.problems == ("a:1: x", "b:2: y")
    assert str(error) == "a:1: x\nb:2: y"
