"""The headers of an answer that is a fault: what clients decide by, the same in every dialect.

SDKs look at `x-should-retry` first, then at the status, then wait for `retry-after` seconds. Our own failures always carry
`retry-after`, so that a fleet of clients does not come back in the same instant.
"""

from gateway.core.faults import Fault

Headers = list[tuple[bytes, bytes]]

RETRY_AFTER_DEFAULT_S = 1
SERVER_ERROR = 500


def headers_of(fault: Fault, body: bytes, id_header: bytes, request_id: str) -> Headers:
    """The headers of a fault with this body, names in lower case; `id_header` is how the dialect calls the request's id."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (id_header, request_id.encode("ascii")),
        (b"x-should-retry", b"true" if fault.worth_retrying else b"false"),
    ]
    retry_after_s = fault.retry_after_s
    if retry_after_s is None and fault.status >= SERVER_ERROR:
        retry_after_s = RETRY_AFTER_DEFAULT_S
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    return headers
