"""Books that can be proven: nothing differs in sound ones, and what was changed is named."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gateway.control.books.ledger import Seal, entry_check_sum
from gateway.control.books.verify import Difference, Report, Verifier
from gateway.control.books.walk import Walk
from gateway.control.credits import BillingOrder, PurchaseOrder, RefundOrder
from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.control.store import Reader
from gateway.core import ids
from gateway.core.usage import Usage
from gateway.state import journal
from gateway.state.pepper import Pepper
from tests.control.office import PEPPER, Office, Worker, settlement

DAY_START_S = 1_794_960_000


class Books:
    """Books with some of everything: two workspaces, lots, limits, usage, a refund."""

    def __init__(self, office: Office, worker: Worker) -> None:
        self.office = office
        self.worker = worker
        self.desk = office.desk()
        self.drain = office.drain(self.desk)
        workspace = self.desk.workspaces.find_or_create("lab")
        self.workspace = self.desk.credits.set_billing(workspace, BillingOrder(billing="prepaid"))
        for amount in ("5", "7.50"):
            self.desk.credits.buy(self.workspace, PurchaseOrder(amount_usd=amount, memo="paid"))
        [self.minted] = self.desk.keys.mint(
            Order(name="a", workspace="lab", limits=(LimitOrder(metric="cost", window="day", amount=90),))
        )
        for _ in range(3):
            self.use(3)
        self.desk.credits.refund(self.desk.credits.lots(self.workspace)[1].public_id, RefundOrder())

    def use(self, requests: int) -> None:
        """Requests of both workspaces in one pass of the drain, as a worker would have counted them."""
        for number in range(requests):
            one = settlement(workspace_id=self.workspace.id, key_id=self.minted.record.id, usage=Usage(1000, 5, 0, 0, number))
            credits = next(limit for limit in self.desk.limits.of_workspace(self.workspace) if limit.source == "credits")
            [own] = self.minted.limits
            charges = [(own.id, DAY_START_S, one.cost_nanodollars), (credits.id, 0, one.cost_nanodollars)]
            assert self.worker.ring.append(journal.charged(one.pack(), charges))
            self.worker.settle(settlement(key_id=999))
        self.drain.enter_all()

    def verifier(self, pepper: Pepper = PEPPER) -> Verifier:
        return Verifier(Reader(self.office.paths.gateway_db), pepper, self.desk.limits, self.drain.enter_all)

    def renew(self) -> None:
        """Goes on with a new shared file."""
        self.desk = self.office.renewed()
        self.drain = self.office.drain(self.desk)

    def change(self, statement: str, *values: object) -> None:
        """Changes the database in a way that no code of ours would."""
        connection = sqlite3.connect(self.office.paths.gateway_db, isolation_level=None)
        for name in ("postings_stand", "postings_stay", "entries_stand", "entries_stay"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        connection.execute(statement, values)
        connection.close()

    def differences(self) -> list[tuple[str, str]]:
        return [(one.what, one.which) for one in self.verifier().books().differences]


@pytest.fixture
def books(office: Office, worker: Worker) -> Books:
    return Books(office, worker)


def test_sound_books_are_proven(books: Books) -> None:
    report = books.verifier().books()
    assert report.differences == []
    assert report.proven
    assert (report.requests, report.postings, report.lots) == (18, 2 + 6 + 1, 2)
    assert report.entries == 2 * 9


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


def entry_bytes(books: Books) -> tuple[str, bytes]:
    """An entry, and the bytes of its amount and check sum as they stand in the file."""
    row = books.office.store.connection.execute(
        "SELECT posting_id, name, amount, check_sum FROM entries JOIN accounts ON accounts.id = account_id "
        "WHERE amount > 100000 ORDER BY posting_id DESC LIMIT 1 OFFSET 2"
    ).fetchone()
    size = next(size for size in (1, 2, 3, 4, 6, 8) if -(2 ** (8 * size - 1)) <= row[2] < 2 ** (8 * size - 1))
    return f"{row[0]}/{row[1]}", row[2].to_bytes(size, "big", signed=True)


def test_one_flipped_byte_of_one_entry_in_the_file_is_named(books: Books) -> None:
    """R19: flipped bytes; the report says which entry."""
    name, raw = entry_bytes(books)
    check_sum = books.office.store.connection.execute(
        "SELECT check_sum FROM entries JOIN accounts ON accounts.id = account_id WHERE posting_id || '/' || name = ?", (name,)
    ).fetchone()[0]
    size = next(size for size in (1, 2, 3, 4, 6) if check_sum < 2 ** (8 * size - 1))
    wanted = raw + check_sum.to_bytes(size, "big")
    books.worker.die()
    path = books.office.paths.gateway_db
    books.office.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    assert content.count(wanted) == 1
    content[content.index(wanted) + len(raw) - 1] ^= 0x10
    path.write_bytes(content)
    assert books.differences()[0] == ("entry", name)


def test_a_file_that_cannot_be_read_is_a_difference(books: Books) -> None:
    """R19: a page of zeros where the requests were."""
    path = books.office.paths.gateway_db
    root = books.office.store.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'requests'").fetchone()[0]
    books.office.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = bytes(4096)
    path.write_bytes(content)
    [difference] = books.verifier().books().differences
    assert (difference.what, difference.which) == ("database", "gateway.db")
    assert "malformed" in difference.how


def limit_rows(books: Books) -> list[Difference]:
    report = Report()
    books.verifier().limit_rows(report)
    return report.differences


def test_limits_in_the_shared_file_agree_with_the_books(books: Books) -> None:
    """The worker of these tests charges without counting, so the figures are put where a real one leaves them."""
    assert len(limit_rows(books)) == 2, "the shared file has not counted yet"
    desk, used = books.desk, books.office.store.connection.execute("SELECT sum(used) FROM limit_used WHERE window_start_s = 0")
    [own] = books.minted.limits
    credits = next(limit for limit in desk.limits.of_workspace(books.workspace) if limit.source == "credits")
    desk.limits.correct(credits.id, 0, used.fetchone()[0])
    assert [one.which for one in limit_rows(books)] == [str(own.id)]
    books.renew()
    assert limit_rows(books) == []
    books.desk.limits.correct(own.id, DAY_START_S, -5)
    [difference] = limit_rows(books)
    assert difference.which == str(own.id)
    assert "in the shared file" in difference.how


def test_limits_that_are_on_one_side_only_are_named(books: Books) -> None:
    books.renew()
    [own] = books.minted.limits
    books.change("UPDATE limits SET removed_at_s = 1 WHERE id = ?", own.id)
    assert limit_rows(books) == [Difference("limit", str(own.id), "is in the shared file and not in the books")]
    books.change("UPDATE limits SET removed_at_s = NULL, amount = 1 WHERE id = ?", own.id)
    assert "has an amount of" in limit_rows(books)[0].how


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
