"""Probes, aliases of paths and closed paths, asked without following anything."""

import asyncio
import http.client
import json
import re
import time
from collections import Counter

import pytest

from gateway.core import ids
from tests.rawhttp.cases import BODY
from tests.rawhttp.conftest import House
from tests.rawhttp.wire import exchanges

PROBES = [
    ("HEAD", "/"),
    ("HEAD", "/api/hello"),
    ("GET", "/api/hello"),
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    ("GET", "/healthz/"),
    ("GET", "//healthz"),
    ("GET", "/readyz"),
    ("GET", "/health"),
    ("GET", "/status"),
    ("GET", "/metrics"),
    ("GET", "/healthz?from=balancer"),
]
ALIASES = [
    prefix + path
    for prefix in ("/v1", "/v1/v1", "/anthropic/v1", "/anthropic/v1/v1", "/anthropic", "")
    for path in ("/messages", "/messages?beta=true", "/messages/", "/messages/count_tokens", "/messages/count_tokens/?beta=true")
]
SLASHES = ["//v1/messages", "/v1//messages", "//v1//messages//", "/anthropic//v1/messages", "///messages"]
LISTS = [
    "/v1/models",
    "/models",
    "/v1/v1/models",
    "/anthropic/v1/models/",
    "/v1/models/claude-sonnet-5-5",
    "/anthropic/v1/models/claude-sonnet-5-5",
]
CLOSED = [
    "/v1/chat/completions/x",
    "/v1/responses/resp_x",
    "/v1/complete",
    "/v1/embeddings/x",
    "/v1/organizations/invites",
    "/v1/Organizations/users",
    "/nothing",
    "/v2/messages",
]


def ask(house: House, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def credentials(house: House) -> dict[str, str]:
    return {"x_api_key": house.key, "anthropic_version": "2023-06-01", "content_type": "application/json"}


@pytest.mark.parametrize(("method", "path"), PROBES)
@pytest.mark.parametrize("credential", [None, "wrong"])
def test_probes_answer_with_and_without_a_key(house: House, method: str, path: str, credential: str | None) -> None:
    status, headers, body = ask(house, method, path, None, **({} if credential is None else {"x_api_key": credential}))
    assert status == 200
    assert "location" not in headers
    if path.startswith(("/health", "//health")) and method == "GET":
        assert json.loads(body) == {"status": "ok"}
    if method == "HEAD":
        assert body == b""


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/health", "/api/hello", "/metrics", "/status"])
def test_probes_refuse_to_be_written(house: House, path: str) -> None:
    status, headers, body = ask(house, "POST", path, b"{}")
    assert status == 405
    assert "GET" in headers.get("allow", "GET")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ALIASES + SLASHES)
def test_aliases_answer_without_a_redirect(house: House, path: str) -> None:
    """Base URLs with and without `/v1`, slashes doubled or at the end: all of them are the same call."""
    status, headers, body = ask(house, "POST", path, BODY, **credentials(house))
    assert (status, "location" in headers) == (200, False), body
    found = json.loads(body)
    assert "input_tokens" in (found if "count_tokens" in path else found["usage"])


@pytest.mark.parametrize("path", LISTS)
def test_aliases_of_models(house: House, path: str) -> None:
    status, headers, body = ask(house, "GET", path, None, **credentials(house))
    assert (status, "location" in headers) == (200, False)
    assert "data" in json.loads(body) or json.loads(body)["type"] == "model"


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_closed_paths_are_404_in_the_envelope(house: House, method: str, path: str) -> None:
    status, headers, body = ask(house, method, path, b"{}" if method == "POST" else None, **credentials(house))
    assert (status, "location" in headers) == (404, False)
    found = json.loads(body)
    if re.search("chat|responses|embeddings", path):
        assert found["error"]["type"] == "invalid_request_error"
        ids.bytes_of("req", headers["x-request-id"])
        return
    assert found["error"]["type"] == "not_found_error"
    assert found["request_id"] == headers["request-id"]
    ids.bytes_of("req", found["request_id"])


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/models", "/v1/files", "/v1/skills/x", "/anthropic/v1/files"]
)
def test_every_path_of_the_upstream_asks_for_a_key(house: House, path: str) -> None:
    method = "POST" if "messages" in path else "GET"
    payload = BODY if method == "POST" else None
    own = {"anthropic_version": "2023-06-01", "content_type": "application/json"}
    for sent in (
        {},
        {"x_api_key": "sk-ant-wrong"},
        {"authorization": "Bearer sk-ant-wrong"},
        {"authorization": f"Basic {house.key}"},
    ):
        status, headers, body = ask(house, method, path, payload, x_request_tag="uninvited", **own, **sent)
        assert status == 401
        assert json.loads(body)["error"]["type"] == "authentication_error"
        assert json.loads(body)["request_id"] == headers["request-id"]
    status, _, _ = ask(house, method, path, payload, x_request_tag=path, x_api_key=house.key, **own)
    if path == "/v1/models":  # answered by a worker
        assert status == 200
        return
    records = house.upstream.wait_truth(lambda records: any(record.tag == path for record in records))
    assert "uninvited" not in {record.tag for record in records}


def test_metrics_are_the_same_from_every_worker(house: House) -> None:
    """D9: many connections, so that both workers are asked; what a scrape says does not depend on who relayed it."""
    deadline_s = time.monotonic() + 10
    while not re.fullmatch(r"0(\.0)?( 0(\.0)?)*", " ".join(_depths(house))):
        assert time.monotonic() < deadline_s, "the journals are never drained"
    request = b"GET /metrics HTTP/1.1\r\nhost: g\r\n\r\n"
    heard = asyncio.run(exchanges(house.gateway.port, [(request, 1)] * 40, at_once=1))
    bodies = Counter(_steady(answer.raw) for answer in heard)
    assert len(bodies) == 1, [set(one.splitlines()) ^ set(other.splitlines()) for one in bodies for other in bodies][1]
    text = next(iter(bodies))
    assert b"# TYPE" in text
    assert house.key.encode() not in text


def _depths(house: House) -> list[str]:
    """What is not booked yet, of every worker."""
    text = ask(house, "GET", "/metrics")[2].decode()
    return re.findall(r"^gateway_(?:journal_depth|inflight)\{.*\} (\S+)$", text, re.MULTILINE)


def _steady(raw: bytes) -> bytes:
    """A scrape without what moves by itself from one moment to the next: clocks, and the figures of the processes."""
    text = raw.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1 ")[0]
    moving = (b"_seconds ", b"_age_", b"process_", b"python_", b"_created ", b"_bytes ")
    return b"\n".join(line for line in text.splitlines() if not any(word in line for word in moving))
