"""Questions: one request and its answer, for people who ask whether an upstream can be used, and for lists of models.

Owns the general HTTP client, which is too slow for calls and fine for a person at a terminal. Nothing is retried and no redirect
is followed; proxies of the environment are not used, because calls do not use them either.
"""

import ssl
import time

import httpx

from gateway.catalog.providers import Origin


class NoAnswerError(Exception):
    """The upstream did not answer. The text names the kind of failure and holds no part of the request."""


def status_of(origin: Origin, path: str, headers: dict[str, str], timeout_s: float) -> int:
    """The status that a GET of `path` is answered with. Raises NoAnswerError."""
    return answer_of(origin, path, headers, timeout_s, bytes_max=0)[0]


def answer_of(origin: Origin, path: str, headers: dict[str, str], timeout_s: float, *, bytes_max: int) -> tuple[int, bytes]:
    """Status and body of the answer to a GET of `path`; with `bytes_max` 0 no body is read.

    Takes at most about twice `timeout_s`. Raises NoAnswerError, also for a body that is longer or takes longer.
    """
    transport = httpx.HTTPTransport(
        verify=ssl.create_default_context(), uds=None if origin.uds is None else str(origin.uds), trust_env=False
    )
    url = f"{origin.scheme}://{origin.authority}{origin.base_path}{path}"
    ends_s = time.monotonic() + timeout_s
    with httpx.Client(transport=transport, timeout=timeout_s, trust_env=False, follow_redirects=False) as client:
        try:
            with client.stream("GET", url, headers=headers) as answer:
                body = bytearray()
                for piece in answer.iter_bytes() if bytes_max else ():
                    body += piece
                    if len(body) > bytes_max or time.monotonic() > ends_s:
                        raise NoAnswerError("TooMuch")
                return answer.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(type(error).__name__) from None
