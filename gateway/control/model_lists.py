"""Model lists for the workers: what each upstream says it has, asked when somebody wants to know and kept for a while.

Owns when an upstream is asked and how long anybody waits for it. A worker is answered within WAIT_S with what is known then,
since clients give up on a list of models after three seconds; an upstream that is slower is in the next answer. Each is asked
once at a time, whoever wants to know. What was said last is kept while an upstream cannot be reached.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.catalog.offers import Listed
from gateway.catalog.providers import Provider
from gateway.core.clock import Clock
from gateway.upstream import model_list
from gateway.upstream.transport.question import NoAnswerError

WAIT_S = 1.5
FRESH_S = 300.0
AGAIN_S = 30.0
THREADS = 4
CREDENTIALS_TRIED_MAX = 2

Ask = Callable[[Provider, int], tuple[Listed, ...]]


class ModelLists:
    """The internal endpoint: `{provider: [[id, display_name, created_s, facts], ...]}`."""

    def __init__(self, providers: Sequence[Provider], clock: Clock, ask: Ask = model_list.ask) -> None:
        self._providers = tuple(providers)
        self._clock = clock
        self._ask = ask
        self._known: dict[str, tuple[Listed, ...]] = {}
        self._due_ns = {provider.name: 0 for provider in providers}
        self._asking: dict[str, asyncio.Future[None]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="model-lists")

    def routes(self) -> list[Route]:
        return [Route("/internal/models", self.tell, methods=["GET"])]

    def close(self) -> None:
        """Forgets what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def tell(self, _: Request) -> Response:
        """All lists that are known by now or within WAIT_S."""
        lists = await self.look()
        rows = {name: [[row.id, row.display_name, row.created_s, row.facts] for row in known] for name, known in lists.items()}
        return Response(orjson.dumps(rows), media_type="application/json")

    async def look(self) -> dict[str, tuple[Listed, ...]]:
        """The same for callers in this process, in the order of the providers."""
        now_ns = self._clock.monotonic_ns()
        for provider in self._providers:
            if now_ns >= self._due_ns[provider.name] and provider.name not in self._asking:
                task = asyncio.ensure_future(self._learn(provider))
                self._asking[provider.name] = task
                task.add_done_callback(partial(self._asked, provider.name))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=WAIT_S)
        return {one.name: self._known[one.name] for one in self._providers if one.name in self._known}

    def _asked(self, name: str, _: object) -> None:
        del self._asking[name]

    async def _learn(self, provider: Provider) -> None:
        wait_s = AGAIN_S
        for credential in range(min(len(provider.credentials), CREDENTIALS_TRIED_MAX)):
            try:
                known = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, provider, credential)
            except NoAnswerError as error:
                structlog.get_logger().info("no list of models", provider=provider.name, reason=str(error))
                continue
            self._known[provider.name] = known
            wait_s = FRESH_S
            break
        self._due_ns[provider.name] = self._clock.monotonic_ns() + round(wait_s * 1e9)
