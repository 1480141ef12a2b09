"""Key test: asks an upstream whether it takes one of our credentials, with a question that costs nothing.

Owns the question for each dialect and what its answer means. Refuses to know what is done about it. An answer that is neither 200
nor a refusal says nothing about the key: the upstream may be busy.
"""

from dataclasses import dataclass
from enum import Enum

from gateway.catalog.providers import Provider
from gateway.upstream.transport.question import NoAnswerError, status_of

TIMEOUT_S = 5.0
LIST_PATHS = {"anthropic": "/v1/models", "openai_chat": "/models", "openai_responses": "/models"}


class Verdict(Enum):
    """What is known of a key after asking."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict with what it rests on: the status, or the kind of failure when there was no answer."""

    verdict: Verdict
    status: int = 0
    failure: str = ""


def ask(provider: Provider, credential: int, timeout_s: float = TIMEOUT_S) -> Finding:
    """Asks with the credential at this place of the provider's pool. Blocks for up to `timeout_s`."""
    path = provider.test_path or LIST_PATHS[provider.dialect]
    try:
        status = status_of(provider.origin, path, headers_of(provider, credential), timeout_s)
    except NoAnswerError as error:
        return Finding(Verdict.UNREACHABLE, failure=str(error))
    if status in (401, 403):
        return Finding(Verdict.REFUSED, status)
    return Finding(Verdict.TAKEN if status == 200 else Verdict.UNCLEAR, status)


def headers_of(provider: Provider, credential: int) -> dict[str, str]:
    """The headers of a question asked with the credential at this place of the provider's pool."""
    secret = provider.credentials[credential].reveal()
    if not secret:
        return dict(provider.headers)
    if provider.dialect == "anthropic":
        return {**dict(provider.headers), "x-api-key": secret, "anthropic-version": "2023-06-01"}
    return {**dict(provider.headers), "authorization": f"Bearer {secret}"}
