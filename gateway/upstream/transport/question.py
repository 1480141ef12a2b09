"""Questions: one request and the status of its answer, for people who ask whether an upstream can be used.

Owns the general HTTP client, which is too slow for calls and fine for a person at a terminal. Nothing is retried and no redirect
is followed; proxies of the environment are not used, because calls do not use them either.
"""

import ssl

import httpx

from gateway.catalog.providers import Origin


class NoAnswerError(Exception):
    """The upstream did not answer. The text names the kind of failure and holds no part of the request."""


def status_of(origin: Origin, path: str, headers: dict[str, str], timeout_s: float) -> int:
    """The status that a GET of `path` is answered with. Raises NoAnswerError."""
    transport = httpx.HTTPTransport(
        verify=ssl.create_default_context(), uds=None if origin.uds is None else str(origin.uds), trust_env=False
    )
    url = f"{origin.scheme}://{origin.authority}{origin.base_path}{path}"
    with httpx.Client(transport=transport, timeout=timeout_s, trust_env=False, follow_redirects=False) as client:
        try:
            return client.get(url, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(type(error).__name__) from None
