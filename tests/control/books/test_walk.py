"""The walk through all books: nothing differs in sound ones, and what was changed is named."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.control.books import walk
from gateway.control.books.ledger import Seal, entry_check_sum
from gateway.control.books.verify import Verifier
from gateway.control.books.walk import Walk
from gateway.control.store import Reader
from gateway.core import ids
from gateway.state.pepper import Pepper
from tests.control.books.sound import NOTE, Books
from tests.control.office import PEPPER, Office


def test_sound_books_are_proven(books: Books) -> None:
    report = books.verifier().books()
    assert report.differences == []
    assert report.proven
    assert (report.requests, report.postings, report.lots) == (18, 2 + 6 + 1, 2)
    assert report.entries == 2 * 9


class Counted(Seal):
    """Counts the seals that it makes."""

    made = 0

    def of(self, *facts: Any, **named: Any) -> bytes:
        self.made += 1
        return super().of(*facts, **named)


def test_each_seal_is_made_once_and_not_for_every_posting_before(books: Books) -> None:
    seal = Counted(PEPPER)
    with closing(sqlite3.connect(books.office.paths.gateway_db)) as connection:
        assert Walk(connection, seal).run().proven
    assert seal.made == 9


def test_with_another_pepper_the_walk_takes_no_longer_for_each_posting(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "SEALS_MAX", 3)
    seal = Counted(Pepper(b"\2" * 32))
    with closing(sqlite3.connect(books.office.paths.gateway_db)) as connection:
        differences = Walk(connection, seal).run().differences
    assert [one.which for one in differences if one.what == "posting"] == [str(number) for number in range(1, 10)]
    assert seal.made == 1 + 2 + 7 * 3


def test_an_empty_installation_is_proven(office: Office) -> None:
    desk = office.desk()
    desk.rebuild()
    report = Verifier(Reader(office.paths.gateway_db), PEPPER, desk.limits, lambda: None).books()
    assert (report.differences, report.requests) == ([], 0)


def request_name(books: Books, rowid: int) -> str:
    row = books.office.store.connection.execute("SELECT request_id FROM requests WHERE rowid = ?", (rowid,)).fetchone()
    return ids.text_of("req", row[0])


@pytest.mark.parametrize("column", [
    "duration_us", "ttft_us", "key_id", "status", "outcome", "fault", "flags", "attempts", "credential", "surface",
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "request_bytes",
    "response_bytes", "cost_nanodollars", "workspace_id", "held_nanodollars", "held_tokens", "check_sum", "started_ns",
])  # fmt: skip
def test_a_changed_number_names_the_request(books: Books, column: str) -> None:
    books.change(f"UPDATE requests SET {column} = {column} + 1 WHERE rowid = 5")
    assert ("request", request_name(books, 5)) in books.differences()
    assert not any(what == "posting" for what, _ in books.differences()), "the request says it all"


@pytest.mark.parametrize("column", ["model_asked", "model_served", "provider", "method", "path", "upstream_request_id"])
@pytest.mark.parametrize("value", ["other", b"\xff\xfe", 5, "\udcff"])
def test_a_changed_text_names_the_request(books: Books, column: str, value: object) -> None:
    if value == "\udcff":
        books.change(f"UPDATE requests SET {column} = CAST(x'ff41' AS TEXT) WHERE rowid = 5")
    else:
        books.change(f"UPDATE requests SET {column} = ? WHERE rowid = 5", value)
    assert books.differences() == [("request", request_name(books, 5))]


def test_changed_charges_name_the_request_and_the_limit(books: Books) -> None:
    [own] = books.minted.limits
    books.change("UPDATE requests SET charges = substr(charges, 1, 8) || x'01' || substr(charges, 10) WHERE rowid = 2")
    found = books.differences()
    assert ("request", request_name(books, 2)) in found
    assert ("limit", str(own.id)) in found


@pytest.mark.parametrize("changed", [
    "NULL", "x''", "x'00'", "CAST(choice || x'00' AS BLOB)", "substr(choice, 1, 6)", "CAST(choice AS TEXT)", "7", "x'80'",
    "zeroblob(60)",
])  # fmt: skip
@pytest.mark.parametrize("which", ["choice IS NOT NULL", "choice IS NULL AND workspace_id != 1"])
def test_a_changed_note_names_the_request(books: Books, which: str, changed: str) -> None:
    look = "SELECT rowid, typeof(choice), hex(choice) FROM requests WHERE "
    before = books.office.store.connection.execute(f"{look}{which} LIMIT 1").fetchone()
    rowid = before[0]
    books.change(f"UPDATE requests SET choice = {changed} WHERE rowid = ?", rowid)
    after = books.office.store.connection.execute(f"{look}rowid = {rowid}").fetchone()
    found = books.differences()
    assert found[:1] == ([] if after == before else [("request", request_name(books, rowid))])
    # The charges of a row that cannot be ours count for nothing.
    assert {what for what, _ in found[1:]} <= {"limit"}


def test_every_flipped_bit_of_a_note_is_named(books: Books) -> None:
    [rowid] = books.office.store.connection.execute("SELECT min(rowid) FROM requests WHERE choice IS NOT NULL").fetchone()
    for bit in range(8 * len(NOTE)):
        flipped = (int.from_bytes(NOTE, "little") ^ 1 << bit).to_bytes(len(NOTE), "little")
        books.change("UPDATE requests SET choice = ? WHERE rowid = ?", flipped, rowid)
        assert books.differences() == [("request", request_name(books, rowid))]
    books.change("UPDATE requests SET choice = ? WHERE rowid = ?", NOTE, rowid)
    assert books.differences() == []


def test_a_missing_request_names_its_posting(books: Books) -> None:
    books.change("DELETE FROM requests WHERE rowid = 5")
    assert books.differences()[0] == ("posting", "4")


def test_a_request_in_no_posting_is_named(books: Books) -> None:
    books.change("UPDATE requests SET posting_id = NULL WHERE rowid = 18")
    assert ("request", request_name(books, 18)) in books.differences()


@pytest.mark.parametrize("posting_id", [1, 3, 99999, -7, "text"])
def test_a_request_that_names_another_posting_is_named(books: Books, posting_id: object) -> None:
    books.change("UPDATE requests SET posting_id = ? WHERE rowid = 8", posting_id)
    found = books.differences()
    assert ("request", request_name(books, 8)) in found
    named = {which for what, which in found if what == "posting"}
    own = str(books.office.store.connection.execute("SELECT posting_id FROM requests WHERE rowid = 7").fetchone()[0])
    assert named <= {own, str(posting_id)}, "what is sound is not named"


def test_a_changed_entry_is_named(books: Books) -> None:
    posting, account = books.office.store.connection.execute(
        "SELECT posting_id, name FROM entries JOIN accounts ON accounts.id = account_id WHERE amount > 0 LIMIT 1 OFFSET 4"
    ).fetchone()
    books.change(
        "UPDATE entries SET amount = amount + 256 WHERE posting_id = ? AND account_id = (SELECT id FROM accounts WHERE name = ?)",
        posting,
        account,
    )
    found = books.differences()
    assert found[0] == ("entry", f"{posting}/{account}")
    assert not any(what in ("posting", "request") for what, _ in found)


def test_two_entries_changed_in_step_and_with_new_check_sums_break_the_seal(books: Books) -> None:
    """Somebody who knows the form but not the pepper."""
    rows = books.office.store.connection.execute("SELECT * FROM entries WHERE posting_id = 5").fetchall()
    for posting_id, account_id, amount, _ in rows:
        other = amount + (7 if amount > 0 else -7)
        books.change(
            "UPDATE entries SET amount = ?, check_sum = ? WHERE posting_id = ? AND account_id = ?",
            other,
            entry_check_sum(posting_id, account_id, other),
            posting_id,
            account_id,
        )
    assert ("posting", "5") in books.differences()


@pytest.mark.parametrize("change", [
    "kind = 'refund'", "at_ns = at_ns + 1", "workspace_id = workspace_id + 1", "memo = 'x'", "memo = CAST(x'ff' AS TEXT)",
    "requests = requests + 1", "requests_digest = x'00'", "requests_digest = 'text'", "seal = x'00'", "seal = zeroblob(32)",
])  # fmt: skip
def test_a_changed_posting_is_named_and_no_other(books: Books, change: str) -> None:
    books.change(f"UPDATE postings SET {change} WHERE id = 5")
    assert {which for what, which in books.differences() if what == "posting"} == {"5"}


@pytest.mark.parametrize("number", [1, 5, 9])
def test_a_missing_posting_is_found_out(books: Books, number: int) -> None:
    books.change("PRAGMA foreign_keys = OFF")
    books.change("DELETE FROM postings WHERE id = ?", number)
    found = books.differences()
    assert any(what in ("entry", "posting") and which.split("/")[0] == str(number) for what, which in found)


def test_entries_without_a_posting_or_an_account_are_named(books: Books) -> None:
    books.change("INSERT INTO entries VALUES (4711, 1, 5, 0)")
    assert any(which.startswith("4711/") for what, which in books.differences() if what == "entry")
    books.change("DELETE FROM entries WHERE posting_id = 4711")
    books.change("DELETE FROM accounts WHERE name = 'usage'")
    assert ("entry", "3/None") in books.differences()


@pytest.mark.parametrize(("statement", "what"), [
    ("UPDATE accounts SET balance = balance + 1 WHERE name = 'usage'", "account"),
    ("UPDATE lots SET remaining = remaining + 1 WHERE id = 1", "lot"),
    ("UPDATE lots SET amount = amount + 1 WHERE id = 1", "workspace"),
    ("UPDATE lots SET amount = amount + 1 WHERE id = 1", "limit"),
    ("UPDATE lots SET refunded = refunded - 1 WHERE id = 2", "workspace"),
    ("UPDATE lots SET expired = 1 WHERE id = 1", "workspace"),
    ("UPDATE limits SET amount = amount + 1 WHERE source = 'credits'", "limit"),
    ("UPDATE limit_used SET used = used + 1", "limit"),
    ("DELETE FROM limit_used", "limit"),
    ("INSERT INTO limit_used VALUES (4711, 0, 1)", "limit"),
])  # fmt: skip
def test_balances_lots_and_limits_that_do_not_follow_are_named(books: Books, statement: str, what: str) -> None:
    books.change(statement)
    found = books.differences()
    assert what in {kind for kind, _ in found}
    assert not {kind for kind, _ in found} & {"posting", "entry", "request"}


def test_another_pepper_proves_nothing(books: Books) -> None:
    report = books.verifier(Pepper(b"\2" * 32)).books()
    assert {one.what for one in report.differences} == {"posting"}
    assert len(report.differences) == report.postings


@pytest.mark.parametrize("table", ["requests", "postings", "entries"])
def test_the_walk_survives_any_value_in_any_column(books: Books, tmp_path: Path, table: str) -> None:
    """R19: whatever stands in a column, the walk reports it and does not raise."""
    row = {
        "requests": "rowid = 5",
        "postings": "id = 5",
        "entries": "(posting_id, account_id) = (SELECT posting_id, account_id FROM entries LIMIT 1 OFFSET 9)",
    }[table]
    books.office.store.connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    with closing(sqlite3.connect(tmp_path / "copy.db", isolation_level=None)) as connection:
        for name in ("postings_stand", "entries_stand"):
            connection.execute(f"DROP TRIGGER {name}")
        for column in [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]:
            for value in ("'text'", "x'ff00'", "1.5", "-9223372036854775808", "9223372036854775807"):
                connection.execute("BEGIN")
                with suppress(sqlite3.IntegrityError):
                    assert connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {row}").rowcount == 1
                    assert not Walk(connection, Seal(PEPPER)).run().proven, (column, value)
                connection.execute("ROLLBACK")
        assert Walk(connection, Seal(PEPPER)).run().proven
