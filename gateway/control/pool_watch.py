"""Watching the pool: tests credentials that were refused, and tells the log who leaves and who comes back.

Owns when a test is made. A refused credential is tested within a second, because a 403 may have been the caller's own fault: one
that passes comes back, and further 403s are taken for callers' own for a while. One that passes and is refused again at once is
left to its own time: then the test does not show what is wrong.
"""

import asyncio

import structlog

from gateway.control.pool import Credential, PoolDesk
from gateway.upstream.key_test import Verdict
from gateway.upstream.pool.standing import DRAINED, Reason, unpack

LOOK_S = 1.0
REVIVE_AGAIN_MS = 60_000
UNCLEAR_AGAIN_MS = 10_000
TESTS_AT_ONCE_MAX = 8

_log = structlog.get_logger()


class PoolWatch:
    """`run` looks every second until told to stop; `look` is one look."""

    def __init__(self, desk: PoolDesk) -> None:
        self._desk = desk
        self._seen: dict[int, int] = {}
        self._tested: dict[int, int] = {}  # the word of a state that a test has confirmed
        self._not_before_ms: dict[int, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.look()
            try:
                async with asyncio.timeout(LOOK_S):
                    await stop.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Tells what has changed and tests what is refused."""
        due = []
        for credential in self._desk:
            word = self._desk.word(credential)
            self._tell(credential, word)
            if self._is_to_be_tested(credential, word):
                due.append((credential, word))
        # One that cannot be reached takes seconds; the others need not wait for it.
        await asyncio.gather(*(self._test(credential, word) for credential, word in due[:TESTS_AT_ONCE_MAX]))

    def _is_to_be_tested(self, credential: Credential, word: int) -> bool:
        state, name = unpack(word), credential.name
        if state.reason is not Reason.REFUSED or state.probing or word & DRAINED or self._tested.get(name) == word:
            return False
        return self._desk.now_ms >= self._not_before_ms.get(name, 0)

    async def _test(self, credential: Credential, word: int) -> None:
        try:
            found = await asyncio.to_thread(self._desk.test, credential)
        except Exception as error:  # noqa: BLE001 -- a test that cannot be made must not end the watch
            _log.error("key could not be tested", **_facts(credential), error=type(error).__name__)
            self._not_before_ms[credential.name] = self._desk.now_ms + UNCLEAR_AGAIN_MS
            return
        _log.info("key tested", **_facts(credential), verdict=found.verdict.value, status=found.status)
        now_ms = self._desk.now_ms
        if found.verdict is Verdict.REFUSED:
            self._tested[credential.name] = word
        again_ms = REVIVE_AGAIN_MS if found.verdict is Verdict.TAKEN else UNCLEAR_AGAIN_MS
        self._not_before_ms[credential.name] = now_ms + again_ms

    def _tell(self, credential: Credential, word: int) -> None:
        """One line for each change of a reason or of the operator's mark; probes and strikes are no news."""
        news = word & (DRAINED | 15)
        if self._seen.get(credential.name, 0) == news:
            return
        self._seen[credential.name] = news
        standing = self._desk.standing(credential)
        state = "drained" if word & DRAINED else unpack(word).reason.word
        _log.warning("key changed", **_facts(credential), state=state, out_s=round(standing.out_ms / 1000))


def _facts(credential: Credential) -> dict[str, object]:
    return {"provider": credential.provider.name, "number": credential.number}
