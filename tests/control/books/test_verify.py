"""Verifying: what differs between the books and the shared file, and what a damaged file looks like."""

from gateway.control.books import verify
from gateway.control.books.verify import Difference, Report, Verifier
from gateway.control.store import Reader
from gateway.core import ids
from tests.control.books.sound import DAY_START_S, NOTE, Books
from tests.control.office import PEPPER, Office, Worker, settlement


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


def test_one_flipped_bit_of_a_note_in_the_file_is_named(books: Books) -> None:
    """What was compared for a call is as well kept as what it cost."""
    request_id, started_ns = books.office.store.connection.execute(
        "SELECT request_id, started_ns FROM requests WHERE choice IS NOT NULL ORDER BY rowid DESC LIMIT 1"
    ).fetchone()
    books.worker.die()
    path = books.office.paths.gateway_db
    books.office.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    start = request_id + started_ns.to_bytes(8, "big")  # of the row; in the index they stand the other way round
    assert content.count(start) == 1
    at = content.index(NOTE, content.index(start))
    content[at + 3] ^= 0x10
    path.write_bytes(content)
    assert books.differences() == [("request", ids.text_of("req", request_id))]


def test_books_from_before_notes_of_choices_prove_after_the_migration(office: Office, worker: Worker) -> None:
    worker.settle(settlement(), settlement(workspace_id=9), settlement())
    office.drain().enter_all()
    worker.die()
    connection = office.store.connection
    connection.execute("ALTER TABLE requests DROP COLUMN choice")
    assert connection.execute("DELETE FROM migrations WHERE number = 9").rowcount == 1
    office.store.close()
    office.reopen()
    assert [row["choice"] for row in office.rows()] == [None] * 3

    desk, worker = office.desk(), Worker(office)
    drain = office.drain(desk)
    verifier = Verifier(Reader(office.paths.gateway_db), PEPPER, desk.limits, drain.enter_all)
    assert verifier.books().differences == []
    worker.settle(settlement(choice=NOTE), settlement())
    drain.enter_all()
    report = verifier.books()
    assert (report.differences, report.requests) == ([], 5)
    assert [row["choice"] for row in office.rows()] == [None, None, None, NOTE, None]
    worker.die()


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
    assert limit_rows(books) == [Difference("limit", str(own.id), "is in the shared file and not in the books", "not_booked", {})]
    books.change("UPDATE limits SET removed_at_s = NULL, amount = 1 WHERE id = ?", own.id)
    assert "has an amount of" in limit_rows(books)[0].how


def test_what_is_shown_of_a_report(books: Books) -> None:
    report = books.verifier().books()
    assert verify.view(report) == {
        "proven": True,
        "postings": 9,
        "entries": 18,
        "requests": 18,
        "lots": 2,
        "limits": 2,
        "figures": report.figures,
        "differences": [],
    }
    books.change("UPDATE accounts SET balance = 1 WHERE name = 'usage'")
    shown = verify.view(books.verifier().books())
    assert not shown["proven"]
    assert shown["differences"][0]["what"] == "account"
