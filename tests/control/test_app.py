import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from gateway.control.app import PermissionMissingError, build, read_body
from gateway.control.permissions import INTERNAL, PERMISSIONS, RELAYED, TRUSTED, Access
from gateway.control.process import listening
from gateway.core import ids
from gateway.core.faults import Fault, FaultKind
from tests.control.served import ControlPlane, short_dir


def ask(endpoint: Callable[[Request], Awaitable[Response]], act: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Serves one endpoint as /status on a real socket while `act` runs."""

    async def main() -> None:
        with short_dir() as directory:
            socket = Path(directory) / "app.sock"
            application = build([Route("/status", endpoint), Route("/admin/v1/keys", endpoint, methods=["POST"])], RELAYED)
            async with listening({socket: application}):
                transport = httpx.AsyncHTTPTransport(uds=str(socket))
                async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                    await act(client)

    asyncio.run(main())


async def nothing(request: Request) -> Response:
    return Response()


def test_a_route_without_a_permission_does_not_start() -> None:
    """R11: default deny."""
    with pytest.raises(PermissionMissingError, match="GET /new"):
        build([Route("/status", nothing), Route("/new", nothing)], RELAYED)
    with pytest.raises(PermissionMissingError, match="DELETE /status"):
        build([Route("/status", nothing, methods=["GET", "DELETE"])], RELAYED)


def test_a_route_of_another_socket_does_not_start() -> None:
    """R11: what is for the admin socket or for workers is never relayed."""
    for key, access in PERMISSIONS.items():
        method, path = key.split(" ")
        for allowed in Access:
            route = Route(path, nothing, methods=[method])
            if access is allowed:
                build([route], frozenset({allowed}))
            else:
                with pytest.raises(PermissionMissingError):
                    build([route], frozenset({allowed}))
    assert not RELAYED & {Access.SOCKET, Access.WORKER}
    assert not TRUSTED & {Access.WORKER}
    assert {Access.WORKER} == INTERNAL


def test_faults_are_answered_in_the_envelope() -> None:
    async def refuse(request: Request) -> Response:
        raise Fault(FaultKind.UNAVAILABLE, "down for a moment", retry_after_s=7)

    async def act(client: httpx.AsyncClient) -> None:
        response = await client.get("/status")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "7"
        body = response.json()
        assert body["type"] == "error"
        assert body["error"]["message"] == "down for a moment"
        assert body["request_id"] == response.headers["request-id"]

    ask(refuse, act)


def test_the_id_that_the_worker_gave_is_kept() -> None:
    async def refuse(request: Request) -> Response:
        raise Fault(FaultKind.INVALID, "no")

    async def act(client: httpx.AsyncClient) -> None:
        known = ids.text_of("req", ids.fresh_id())
        assert (await client.get("/status", headers={"request-id": known})).json()["request_id"] == known
        for odd in ("req_short", "x" * 26, '"'):
            assert (await client.get("/status", headers={"request-id": odd})).json()["request_id"] != odd

    ask(refuse, act)


def test_a_bug_is_a_500_that_tells_nothing() -> None:
    async def bug(request: Request) -> Response:
        raise RuntimeError("canary-7f3a")

    async def act(client: httpx.AsyncClient) -> None:
        with capture_logs() as logs:
            response = await client.get("/status?canary-query")
        assert response.status_code == 500
        assert response.json()["error"] == {"type": "api_error", "message": "Internal server error"}
        assert "canary" not in response.text + repr(logs)
        assert [log["error"] for log in logs] == ["RuntimeError"]

    ask(bug, act)


def test_a_body_is_bounded() -> None:
    async def echo(request: Request) -> Response:
        return Response(await read_body(request, 1000))

    async def act(client: httpx.AsyncClient) -> None:
        async def chunks(count: int) -> "object":
            for _ in range(count):
                yield b"x" * 100

        assert (await client.post("/admin/v1/keys", content=b"y" * 1000)).content == b"y" * 1000
        assert (await client.post("/admin/v1/keys", content=b"y" * 1001)).status_code == 413
        assert (await client.post("/admin/v1/keys", content=chunks(11))).status_code == 413  # type: ignore[arg-type]

    ask(echo, act)


@pytest.mark.parametrize("path", [
    "/", "/nope", "/status/", "//status", "/admin/v1/nope", "/internal/count_tokens", "/metrics/../internal/count_tokens",
    "/%2e%2e/status",
    "/v1/messages/unknown?x=1", "/" + "a" * 5000,
])  # fmt: skip
def test_unknown_paths_are_404_and_never_a_redirect(served: ControlPlane, path: str) -> None:
    with served.public as client:
        response = client.get(path)
    assert response.status_code == 404
    assert response.json()["error"] == {"type": "not_found_error", "message": "Not found"}
    assert response.json()["request_id"] == response.headers["request-id"]


def test_other_methods_are_405(served: ControlPlane) -> None:
    with served.public as client:
        assert client.post("/status").status_code == 405
        assert client.head("/status").status_code == 200
