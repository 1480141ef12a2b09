"""What clients of every dialect decide by when they are refused."""

import pytest

from gateway.core.faults import Fault, FaultKind
from gateway.dialects.fault_headers import headers_of


@pytest.mark.parametrize(
    ("fault", "retry", "after"),
    [
        (Fault(FaultKind.INVALID, "x"), b"false", None),
        (Fault(FaultKind.LIMITED, "x", retry_after_s=7), b"true", b"7"),
        (Fault(FaultKind.LIMITED, "x"), b"false", None),
        (Fault(FaultKind.BROKEN, "x"), b"true", b"1"),
        (Fault(FaultKind.UNAVAILABLE, "x", retry_after_s=30), b"true", b"30"),
    ],
    ids=repr,
)
def test_headers(fault: Fault, retry: bytes, after: bytes | None) -> None:
    headers = headers_of(fault, b"{}", b"request-id", "req_1")
    told = dict(headers)
    assert len(told) == len(headers)
    assert (told.pop(b"x-should-retry"), told.pop(b"retry-after", None)) == (retry, after)
    assert told == {b"content-type": b"application/json", b"content-length": b"2", b"request-id": b"req_1"}
