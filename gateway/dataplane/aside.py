"""Aside: what takes long with a large body, done beside the event loop.

Owns one thread of the worker's. Reading and translating costs time by the number of values more than by bytes: 1.4 MB of short
messages take 5 to 13 ms to check and 50 to 85 ms to translate, 6 MB 160 to 270 ms, in which nobody's stream would move. Measured
with 4.8 MB of them on a busy machine, the longest pause of the loop is 10 to 15 ms (54 once) in place of 180 to 260: the parser
itself gives the interpreter to nobody. One thread, because Python runs one at a time anyway, and every further one would stand
between the loop and its next turn.

A large answer that has to be translated comes here too. Small bodies stay on the loop: handing over costs 0.1 ms, as much as
checking and translating 10 kB does.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# What is parsed on the loop at most. Translated, 1 ms of messages of the usual length and 8 ms of the shortest that people write.
INLINE_BYTES_MAX = 256 * 1024
# Bodies up to here are outlined on the loop, in 0.4 to 0.8 ms; most of them need nothing else that takes long.
OUTLINED_BYTES_MAX = 1024 * 1024

_thread = ThreadPoolExecutor(1, thread_name_prefix="large-bodies")


async def done(work: Callable[[], T]) -> T:
    """What `work` returns or raises. It runs on although whoever waits is cancelled, so it must not take anything."""
    return await asyncio.get_running_loop().run_in_executor(_thread, work)
