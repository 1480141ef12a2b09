from pathlib import Path

from gateway.control.store import KeyRecord, NewKey, RequestRow, Store, requests
from tests.control.office import Office, enter_keys


def test_rows_have_the_columns_of_their_table_in_order(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        columns = [row[1] for row in store.connection.execute("PRAGMA table_info(requests)")]
    assert columns == list(RequestRow._fields)


def test_usage_is_read_by_an_index(tmp_path: Path) -> None:
    with Store.open(tmp_path / "gateway.db") as store:
        for by, statement in requests.SELECT_USAGE.items():
            plan = store.connection.execute(f"EXPLAIN QUERY PLAN {statement}", (0, requests.USAGE_START[by], 10)).fetchall()
            assert any("USING INDEX requests_by" in row[3] for row in plan), by


def test_reprs_show_no_digest_and_no_key(office: Office) -> None:
    new = NewKey("key_a", b"\x01" * 32, "me", "sk-ant-api03-abcd", "xxAA")
    [record] = enter_keys(office.store, new)
    assert repr(new) == "<NewKey key_a sk-ant-api03-abcd...xxAA>"
    assert repr(record) == "<KeyRecord key_a active sk-ant-api03-abcd...xxAA>"
    assert isinstance(record, KeyRecord)
    assert record.digest == b"\x01" * 32
