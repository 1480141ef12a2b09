import pytest

from gateway.cli.table import print_table


def test_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "tokens"], [["a", 1234567], ["longer", 5]], left=1)
    assert capsys.readouterr().out == "name       tokens\na       1,234,567\nlonger          5\n"


def test_an_empty_table_is_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["a", "b"], [])
    assert capsys.readouterr().out == "a  b\n"


def test_a_terminal_is_not_given_orders(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["model"], [["\x1b[2Jclaude\r\n\u202e"]])
    assert capsys.readouterr().out == "model\n\ufffd[2Jclaude\ufffd\ufffd\ufffd\n"
