import msgspec
import pytest

from gateway.control import orders
from gateway.control.orders import OrderError


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: orders.Name
    amount_usd: orders.Dollars = "1"


def test_an_order_is_read_from_json() -> None:
    assert orders.read(b'{"name": "a", "amount_usd": "12.50"}', Wanted) == Wanted("a", "12.50")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"{}", b'{"name": ""}', b'{"name": "a", "x": 1}', b'{"name": NaN}', b'{"name": "\xff"}',
    b'{"name": "\\ud800"}', b"[" * 100_000, b'{"name":' * 50_000, b'{"name": "a", "amount_usd": 5}',
    b'{"name": "a", "amount_usd": "-5"}', b'{"name": "a", "amount_usd": "1e3"}', b'{"name": "a", "amount_usd": "\xd9\xa3"}',
])  # fmt: skip
def test_hostile_orders_are_refused(body: bytes) -> None:
    """R9: nothing but OrderError."""
    with pytest.raises(OrderError):
        orders.read(body, Wanted)


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", " a", "a ", "a\u202eb", "\x7f"])
def test_texts_that_a_terminal_would_obey(text: str) -> None:
    with pytest.raises(OrderError, match="printable"):
        orders.check_text("fine", None, text)
    orders.check_text("fine", None, "", "Käse 5 €")


def test_dollars_and_dates() -> None:
    assert orders.nanodollars("12.000000001") == 12_000_000_001
    with pytest.raises(OrderError, match="number"):
        orders.nanodollars("-1")
    assert [orders.date(moment) for moment in (None, 0, 1_795_000_000, -5, 2**62)] == [
        None,
        "1970-01-01T00:00:00Z",
        "2026-11-18T11:06:40Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ]
