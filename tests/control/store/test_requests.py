from pathlib import Path

import pytest

from gateway.control.store import KeyRecord, NewKey, RequestRow, Store, requests, schema
from gateway.core import ids
from tests.control.office import STARTED_NS, Office, enter_keys


def test_rows_have_the_columns_of_their_table_in_order(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        columns = [row[1] for row in store.connection.execute("PRAGMA table_info(requests)")]
    assert columns == list(RequestRow._fields)


def test_usage_is_read_by_an_index(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        for by, statement in requests.SELECT_USAGE.items():
            plan = store.connection.execute(f"EXPLAIN QUERY PLAN {statement}", (0, requests.USAGE_START[by], 10)).fetchall()
            assert any("USING INDEX requests_by" in row[3] for row in plan), by


def row(request_id: bytes, started_ns: int, price_list_id: int) -> RequestRow:
    texts = dict.fromkeys(("model_asked", "model_served", "provider", "method", "path", "upstream_request_id"), "m")
    facts: dict[str, object] = {**dict.fromkeys(RequestRow._fields, 1), **texts}
    facts |= {"request_id": request_id, "started_ns": started_ns, "price_list_id": price_list_id, "choice": None}
    return RequestRow(**facts)  # type: ignore[arg-type]


def enter(store: Store, *rows: RequestRow) -> None:
    with store.transaction() as connection:
        assert requests.insert(connection, rows) == len(rows)


def test_a_request_is_found_by_its_id_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        number = store.price_list_id("v")
        moments = [STARTED_NS // 10**6 * 10**6 + step for step in (-1, 0, 1, 999_999, 10**6)]
        rows = [row(ids.timed_id(moment), moment, number) for moment in moments]
        enter(store, *rows)
        for one in rows:
            assert requests.find(store.connection, one.request_id) == one
            assert requests.find(store.connection, one.request_id, one.started_ns) == one
            assert requests.find(store.connection, one.request_id, one.started_ns + 1) is None
        for unknown in (ids.timed_id(STARTED_NS), ids.fresh_id(), bytes(16), b"\xff" * 16):
            assert requests.find(store.connection, unknown) is None


def test_an_id_alone_reads_one_millisecond_of_the_index(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        plan = store.connection.execute(f"EXPLAIN QUERY PLAN {requests.SELECT_TIMED}", (0, 1, b"")).fetchall()
        assert [line[3] for line in plan] == ["SEARCH requests USING INDEX requests_by_time (started_ns>? AND started_ns<?)"]
        plan = store.connection.execute(f"EXPLAIN QUERY PLAN {requests.SELECT_RANDOM}", (b"",)).fetchall()
        assert plan[0][3] == "SEARCH requests USING INTEGER PRIMARY KEY (rowid<?)"
        # Of a new database that is no row at all: nobody can make the books walk by asking for what is not there.
        assert store.meta("requests_with_random_ids") == "0"


def test_requests_from_before_ids_told_the_time_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = schema.migrations()
    monkeypatch.setattr(schema, "migrations", lambda: {number: one for number, one in known.items() if number < 7})
    with Store.open(tmp_path / "gateway.db") as store:
        old = row(ids.fresh_id(), STARTED_NS, store.price_list_id("v"))
        columns = old[: RequestRow._fields.index("choice")]  # as many as there were
        store.connection.execute(f"INSERT INTO requests VALUES ({', '.join('?' * len(columns))})", columns)
    monkeypatch.undo()
    with Store.open(tmp_path / "gateway.db") as store:
        stray = row(ids.fresh_id(), STARTED_NS + 1, store.price_list_id("v"))
        enter(store, stray)
        assert requests.find(store.connection, old.request_id) == old
        assert requests.find(store.connection, stray.request_id) is None


def test_reprs_show_no_digest_and_no_key(office: Office) -> None:
    new = NewKey("key_a", b"\x01" * 32, "me", "sk-ant-api03-abcd", "xxAA")
    [record] = enter_keys(office.store, new)
    assert repr(new) == "<NewKey key_a sk-ant-api03-abcd...xxAA>"
    assert repr(record) == "<KeyRecord key_a active sk-ant-api03-abcd...xxAA>"
    assert isinstance(record, KeyRecord)
    assert record.digest == b"\x01" * 32
