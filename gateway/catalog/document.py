"""A TOML document that is read strictly.

Owns parsing, typed reading of values, and the place (`file:line`) of every complaint. Refuses to know what the values mean and to
touch a file: it is handed text.

Strategy: readers never raise. A wrong value becomes a line in `problems` and a harmless stand-in, so that one run reports all
that is wrong. tomllib tells no line numbers; the line of a key is found by parsing ever longer prefixes of the text with
tomllib itself, which cannot be fooled by strings or comments that look like keys. That is quadratic, and paid only when there
is something to say.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

Step = str | int
_WHERE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


class SettingsError(Exception):
    """The configuration cannot be used.

    `problems` holds one line each, `file:line: what` or `VARIABLE: what`; no line holds a secret.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type["SettingsError"], tuple[list[str]]]:
        return (type(self), (list(self.problems),))


class Document:
    """One TOML text. `name` is what complaints call it; `problems` collects them in the order they were found."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.problems: list[str] = []
        values: dict[str, object] = {}
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self._report_syntax(str(error))
        except RecursionError:
            self.problems.append(f"{name}:1: nested too deeply")
        self.broken = bool(self.problems)
        self.root = Table(self, (), values)

    def _report_syntax(self, message: str) -> None:
        where = _WHERE.search(message)
        line = len(self.text.splitlines()) or 1
        if where:
            message = message[: where.start()]
            line = int(where.group(1) or line)
        self.problems.append(f"{self.name}:{line}: {message}")

    def report(self, path: tuple[Step, ...], what: str) -> None:
        """Notes that the value at `path` is wrong."""
        self.problems.append(f"{self.name}:{self.line_of(path)}: {what}")

    def line_of(self, path: tuple[Step, ...]) -> int:
        """The line where the statement that sets `path` begins, counted from 1; the last line when nothing sets it."""
        lines = self.text.splitlines(keepends=True)
        begins = 1
        for count in range(1, len(lines) + 1):
            try:
                values = tomllib.loads("".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            if _holds(values, path):
                return begins
            begins = count + 1
        return len(lines) or 1


def _holds(values: object, path: tuple[Step, ...]) -> bool:
    for step in path:
        if isinstance(step, str):
            if not isinstance(values, dict) or step not in values:
                return False
            values = values[step]
        else:
            if not isinstance(values, list) or step >= len(values):
                return False
            values = values[step]
    return True


class Table:
    """One table of a document. Every key must be asked for; `close` reports those that nobody asked for."""

    def __init__(self, document: Document, path: tuple[Step, ...], values: Mapping[str, object]) -> None:
        self.document = document
        self.path = path
        self._values = values
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def expect(self, key: str) -> None:
        """Makes `key` a known one without reading it."""
        self._known.add(key)

    def report(self, what: str, key: str | None = None) -> None:
        """Notes a complaint about `key`, or about the table itself."""
        path = (*self.path, key) if key is not None and key in self._values else self.path
        self.document.report(path, what)

    def _take(self, key: str, required: bool) -> object | None:
        self._known.add(key)
        if key not in self._values and required and not self.document.broken:
            self.report(f"`{key}` is missing")
        return self._values.get(key)

    def text_or_none(self, key: str, required: bool = False) -> str | None:
        """A string, or None when it is absent or not a string."""
        value = self._take(key, required)
        if value is None or isinstance(value, str):
            return value
        self.report(f"`{key}` must be a string", key)
        return None

    def text(self, key: str, default: str | None = None) -> str:
        """A string; required when there is no default."""
        value = self.text_or_none(key, required=default is None)
        return value if value is not None else default or ""

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from `low` to `high`, both included."""
        value = self._take(key, default is None)
        if value is None:
            return low if default is None else default
        if type(value) is not int:
            self.report(f"`{key}` must be a whole number", key)
        elif not low <= value <= high:
            self.report(f"`{key}` must be from {low} to {high}, not {value}", key)
        else:
            return value
        return low

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number from `low` to `high`, both included."""
        value = self._take(key, default is None)
        if value is None:
            return low if default is None else default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.report(f"`{key}` must be a number", key)
        elif not low <= value <= high:  # also refuses nan
            self.report(f"`{key}` must be from {low:g} to {high:g}, not {value:g}", key)
        else:
            return float(value)
        return low

    def amount(self, key: str) -> int | str | None:
        """A whole number, or a number written as a string so that it stays exact; None when it is absent or neither."""
        value = self._take(key, True)
        if value is None or type(value) is int or isinstance(value, str):
            return value
        self.report(f"`{key}` must be a whole number, or a number in quotes", key)
        return None

    def yes_or_no(self, key: str, default: bool | None = None) -> bool:
        """true or false; required when there is no default."""
        value = self._take(key, default is None)
        if value is None:
            return bool(default)
        if isinstance(value, bool):
            return value
        self.report(f"`{key}` must be true or false", key)
        return False

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text_or_none(key, required=default is None)
        if value in choices:
            return value
        if value is not None:
            self.report(f"`{key}` must be one of {', '.join(choices)}", key)
        return default or choices[0]

    def midnight_ns(self, key: str) -> int:
        """A TOML date such as 2026-10-07, as nanoseconds since 1970 of its beginning in UTC; 0 when the key is absent."""
        value = self._take(key, False)
        if value is None:
            return 0
        if isinstance(value, datetime) or not isinstance(value, date):
            self.report(f"`{key}` must be a date without quotes, such as 2026-01-31", key)
            return 0
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()) * 1_000_000_000

    def words(self, key: str, required: bool = False) -> tuple[str, ...]:
        """A list of strings, or a single one written without a list. A required one must not be empty."""
        value = self._take(key, required)
        if value is None:
            return ()
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            self.report(f"`{key}` must be a list of strings", key)
            return ()
        if required and not found:
            self.report(f"`{key}` must name at least one", key)
        return tuple(found)

    def texts(self, key: str) -> dict[str, str]:
        """A table whose keys are free and whose values are strings; empty when the key is absent."""
        value = self._take(key, False)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.report(f"`{key}` must be a table", key)
            return {}
        found = {}
        for name, text in value.items():
            if isinstance(text, str):
                found[name] = text
            else:
                self.document.report((*self.path, key, name), f"`{name}` must be a string")
        return found

    def table(self, key: str) -> "Table | None":
        """A table inside this one, or None."""
        value = self._take(key, False)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.report(f"`{key}` must be a table", key)
            return None
        return Table(self.document, (*self.path, key), value)

    def tables(self, key: str) -> Iterator["Table"]:
        """The tables of an array `[[key]]`, in order."""
        value = self._take(key, False)
        if value is None:
            return
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.report(f"`{key}` must be written as [[{key}]]", key)
            return
        for index, one in enumerate(value):
            yield Table(self.document, (*self.path, key, index), one)

    def close(self) -> None:
        """Reports every key that is not known."""
        for key in self._values:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, 1)
                self.report(f"unknown key `{key}`" + (f", did you mean `{near[0]}`?" if near else ""), key)
