"""Token counting for the workers, away from every event loop.

A count of a large prompt takes tens of milliseconds of CPU, so it runs in threads of its own, a few at a time, with a short
queue. When the queue is full the answer is 503 at once: a late count is worth less than a fast refusal.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.control.app import read_body
from gateway.core.faults import Fault, FaultKind

THREADS = 2
WAITING_MAX = 32  # counts begun or waiting; each may hold one request body


class Counting:
    """The internal endpoint: a Messages body in, `{"input_tokens": n}` out; the model is in the `x-model` header."""

    def __init__(self, body_bytes_max: int, count: Callable[[bytes, str], int] | None = None) -> None:
        self._body_bytes_max = body_bytes_max
        self._count = count or count_body
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="count-tokens")
        self.waiting = 0  # counts begun or queued

    def routes(self) -> list[Route]:
        return [Route("/internal/count_tokens", self.count, methods=["POST"])]

    def close(self) -> None:
        """Forgets what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def count(self, request: Request) -> Response:
        """Estimates. Faults: INVALID for a body that is no JSON object, UNAVAILABLE when too many counts wait."""
        if self.waiting >= WAITING_MAX:
            raise Fault(FaultKind.UNAVAILABLE, "too many token counts are waiting", retry_after_s=1)
        self.waiting += 1
        try:
            body = await read_body(request, self._body_bytes_max)
            model = request.headers.get("x-model", "")
            tokens = await asyncio.get_running_loop().run_in_executor(self._threads, self._count, body, model)
        finally:
            self.waiting -= 1
        return Response(orjson.dumps({"input_tokens": tokens}), media_type="application/json")


def count_body(body: bytes, model: str) -> int:
    """Tokens of a Messages body. Raises Fault INVALID."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Fault(FaultKind.INVALID, "The request body is not valid JSON") from None
    if not isinstance(document, dict):
        raise Fault(FaultKind.INVALID, "The request body must be a JSON object")
    # Imported at the first count: the vocabulary takes memory that an installation which never counts should not pay for.
    from gateway.tokens.estimate import count_request

    return count_request(document, model)
