import pytest

from gateway.console.addresses import Address, address_of, visitor_of


def test_where_a_request_came_to() -> None:
    assert address_of({"host": "h:8080"}, "") == Address("http://h:8080", "")
    assert address_of({"host": "h", "x-forwarded-proto": "https"}, "").secure
    assert not address_of({"host": "h", "x-forwarded-proto": "gopher"}, "").secure
    behind = address_of({"host": "inner"}, "https://example.com/ai")
    assert (behind.origin, behind.prefix, behind.base_url, behind.secure) == (
        "https://example.com",
        "/ai",
        "https://example.com/ai",
        True,
    )


@pytest.mark.parametrize(("origin", "own"), [
    ("http://h:8080", True), ("https://h:8080", True), ("http://H:8080", True),
    ("http://h", False), ("http://h:8081", False), ("null", False), ("", False), ("http://h:8080.evil.example", False),
    ("http://h:8080@evil.example", False), ("//h:8080", True),
])  # fmt: skip
def test_whose_origin_it_is(origin: str, own: bool) -> None:
    assert address_of({"host": "h:8080"}, "").is_own(origin) is own


@pytest.mark.parametrize(("proxies", "forwarded", "seen"), [
    (0, None, "192.0.2.1"),
    (0, "10.0.0.9", "192.0.2.1"),
    (1, "10.0.0.9", "10.0.0.9"),
    (1, "1.1.1.1, 10.0.0.9", "10.0.0.9"),
    (2, "6.6.6.6, 1.1.1.1, 10.0.0.9", "1.1.1.1"),
    (2, "10.0.0.9", "192.0.2.1"),
    (1, "", "192.0.2.1"),
    (1, "somebody", "unknown"),
    (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
])  # fmt: skip
def test_where_a_visitor_is(proxies: int, forwarded: str | None, seen: str) -> None:
    headers = {"x-sluice-peer": "192.0.2.1"} | ({} if forwarded is None else {"x-forwarded-for": forwarded})
    assert visitor_of(headers, proxies) == seen
