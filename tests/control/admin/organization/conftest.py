"""Anthropic's own SDK against the public socket, with an admin key."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic
from pydantic import TypeAdapter

from tests.control.admin.conftest import Credentials
from tests.control.served import ControlPlane


def sdk(control: ControlPlane, key: str, **options: Any) -> Anthropic:
    """The SDK as a script has it, but over the Unix socket that workers relay to."""
    transport = httpx2.HTTPTransport(uds=str(control.paths.control_sock))
    client = anthropic.DefaultHttpxClient(transport=transport)
    return Anthropic(api_key=key, base_url="http://gateway", http_client=client, max_retries=0, **options)


@pytest.fixture(scope="session")
def owner(served: ControlPlane, credentials: Credentials) -> Iterator[Anthropic]:
    with sdk(served, credentials.by_role["owner"]) as client:
        yield client


def conforms(answer: Any) -> Any:
    """The answer, checked to hold every field that the SDK's own type has, in its type, and nothing else."""
    shape = type(answer)
    told = answer.to_dict(mode="json")
    TypeAdapter(shape).validate_python(told)
    assert set(told) == set(shape.model_fields)
    return answer
