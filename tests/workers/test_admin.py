"""The admin interface through the public port of a gateway with three workers, and what it does to each of them."""

import http.client
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.serving import Gateway, serving
from tests.workers.clients import wait_for, workers

WORKERS = 3


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with serving(workers=WORKERS) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def owner(gateway: Gateway) -> str:
    return str(json.loads(gateway.cli("admin-keys", "mint", "--name", "owner", "--role", "owner", "--json"))["key"])


class Line:
    """One connection to the public port, and so to one worker."""

    def __init__(self, gateway: Gateway) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        self._connection.connect()

    def close(self) -> None:
        self._connection.close()

    @property
    def port(self) -> int:
        return int(self._connection.sock.getsockname()[1])

    def ask(self, method: str, path: str, key: str | None = None, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {} if key is None else {"x-api-key": key}
        payload = None if body is None else json.dumps(body)
        self._connection.request(method, path, payload, {"anthropic-version": "2023-06-01"} | sent)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def owner_of(line: Line, gateway: Gateway, pids: set[int]) -> int:
    """The worker that holds the other end of a connection."""
    ends = f"0100007F:{gateway.port:04X} 0100007F:{line.port:04X} "
    [inode] = [row.split()[9] for row in Path("/proc/net/tcp").read_text().splitlines() if ends in row]
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(descriptor) == f"socket:[{inode}]":
                return pid
    raise AssertionError("nobody holds the connection")


@pytest.fixture(scope="module")
def lines(gateway: Gateway) -> Iterator[list[Line]]:
    """A connection to each of the workers."""
    wait_for(lambda: len(workers(gateway.data_dir)) == WORKERS, "all workers")
    pids = workers(gateway.data_dir)
    found: dict[int, Line] = {}
    with ExitStack() as stack:
        for _ in range(200):
            line = stack.enter_context(closing(Line(gateway)))
            line.ask("GET", "/healthz")
            found.setdefault(owner_of(line, gateway, pids), line)
            if len(found) == WORKERS:
                break
        assert len(found) == WORKERS
        yield list(found.values())


def test_five_hundred_keys_work_at_once_on_every_worker(gateway: Gateway, owner: str, lines: list[Line]) -> None:
    """One call, one transaction; no worker is told anything."""
    status, minted = lines[0].ask("POST", "/admin/v1/keys", owner, {"name": "mass", "count": 500})
    assert status == 201
    keys = [key["key"] for key in minted["data"]]
    assert len(set(keys)) == 500

    def statuses(line: Line) -> set[int]:
        return {line.ask("GET", "/v1/models", key)[0] for key in keys}

    with ThreadPoolExecutor(WORKERS) as threads:
        assert list(threads.map(statuses, lines)) == [{200}] * WORKERS


def test_a_revoked_key_is_refused_by_every_worker_at_the_next_call(gateway: Gateway, owner: str, lines: list[Line]) -> None:
    _, minted = lines[0].ask("POST", "/admin/v1/keys", owner, {"name": "leavers", "count": 20})
    for number, key in enumerate(minted["data"]):
        assert {line.ask("GET", "/v1/models", key["key"])[0] for line in lines} == {200}
        assert lines[number % WORKERS].ask("POST", f"/admin/v1/keys/{key['id']}/revoke", owner)[1]["state"] == "revoked"
        assert {line.ask("GET", "/v1/models", key["key"])[0] for line in lines} == {401}


def test_a_rotated_key_works_for_its_time_of_grace(gateway: Gateway, owner: str, lines: list[Line]) -> None:
    _, minted = lines[0].ask("POST", "/admin/v1/keys", owner, {"name": "rotated", "count": 2})
    for key, grace_s, old in zip(minted["data"], (3600, 0), (200, 401), strict=True):
        status, new = lines[0].ask("POST", f"/admin/v1/keys/{key['id']}/rotate", owner, {"grace_s": grace_s})
        assert (status, new["replaces"]) == (201, key["id"])
        assert {line.ask("GET", "/v1/models", new["key"])[0] for line in lines} == {200}
        assert {line.ask("GET", "/v1/models", key["key"])[0] for line in lines} == {old}


def test_each_kind_of_key_opens_its_own_door_only(gateway: Gateway, owner: str, lines: list[Line]) -> None:
    """R11: an admin key is no caller's key, and the other way round."""
    [caller] = gateway.mint()
    message = {"model": "claude-sonnet-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    for line in lines:
        assert line.ask("POST", "/v1/messages", owner, message, content_type="application/json")[0] == 401
        assert line.ask("GET", "/v1/files", owner)[0] == 401
        assert line.ask("POST", "/v1/messages", caller, message, content_type="application/json")[0] == 200
        for path in ("/admin/v1/keys", "/v1/organizations/api_keys", "/admin/openapi.json", "/anthropic/v1/organizations/me"):
            assert line.ask("GET", path, caller)[0] == 401
            assert line.ask("GET", path)[0] == 401
            assert line.ask("GET", path, owner)[0] == 200
        # What only the admin socket serves is not there.
        assert line.ask("POST", "/admin/v1/admin_keys", owner, {"name": "more", "role": "owner"})[0] == 405
        assert line.ask("POST", "/internal/count_tokens", owner, {})[0] == 404


def test_a_viewer_changes_nothing(gateway: Gateway, lines: list[Line]) -> None:
    viewer = json.loads(gateway.cli("admin-keys", "mint", "--name", "viewer", "--role", "viewer", "--json"))
    status, answer = lines[0].ask("POST", "/admin/v1/keys", viewer["key"], {"name": "no"})
    assert (status, answer["error"]["type"]) == (403, "permission_error")
    assert lines[0].ask("GET", "/admin/v1/keys", viewer["key"])[0] == 200
    gateway.cli("admin-keys", "revoke", viewer["id"])
    assert {line.ask("GET", "/admin/v1/keys", viewer["key"])[0] for line in lines} == {401}


def test_existing_scripts_work_by_changing_the_base_url(gateway: Gateway, owner: str) -> None:
    for base in (gateway.url, gateway.url + "/anthropic"):
        with Anthropic(api_key=owner, base_url=base, max_retries=0) as client:
            assert client.organization.retrieve().type == "organization"
            assert next(iter(client.organization.api_keys.list())).type == "api_key"
            with pytest.raises(anthropic.NotFoundError):
                client.organization.invites.list()
            with pytest.raises(anthropic.AuthenticationError):
                client.messages.create(model="claude-sonnet-5", max_tokens=5, messages=[{"role": "user", "content": "hi"}])


def test_no_admin_key_is_in_any_file(gateway: Gateway, owner: str) -> None:
    """R12."""
    body = re.escape(owner[20:60].encode())
    for file in [gateway.log, *gateway.data_dir.rglob("*")]:
        if file.is_file() and file.name != "shared.map":
            assert not re.search(body, file.read_bytes()), file
