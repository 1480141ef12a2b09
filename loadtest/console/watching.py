"""`python -m loadtest.console.watching`: a browser that has the overview open, until it is killed.

Owns what the page's script does: asks for the part that changes every five seconds, with its tag, and holds one stream of events.
Says `open` once both were answered; ends with what was wrong when an answer is none that the script could use. A process of its
own, so that what it costs is nobody's figure.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx

from loadtest.console.visitor import log_in
from loadtest.processes import StartError

EVERY_S = 5.0
PAGE, PART, EVENTS = "/console?since=1h", "/console/live?since=1h", "/console/live/events?since=1h"


async def poll(client: httpx.AsyncClient, open_: asyncio.Event) -> None:
    """Opens the page and asks for its part again and again. Raises StartError."""
    check(await client.get(PAGE))
    tag = ""
    while True:
        answer = check(await client.get(PART, headers={"if-none-match": tag, "hx-request": "true"}))
        tag = answer.headers.get("etag", tag)
        open_.set()
        await asyncio.sleep(EVERY_S)


async def listen(client: httpx.AsyncClient, open_: asyncio.Event) -> None:
    """Holds a stream of events; one that has ended is opened again. Raises StartError."""
    while True:
        async with client.stream("GET", EVENTS, headers={"accept": "text/event-stream"}) as answer:
            check(answer)
            async for _ in answer.aiter_lines():
                open_.set()


def check(answer: httpx.Response) -> httpx.Response:
    """The answer, when it is one the script can use. Raises StartError."""
    if answer.status_code not in (200, 304):
        raise StartError(f"{answer.request.url.path} answered {answer.status_code}")
    return answer


async def watch(port: int, cookies: httpx.Cookies) -> None:
    """Both at once, until one fails. Raises StartError, httpx.HTTPError."""
    timeout = httpx.Timeout(30, read=120)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", cookies=cookies, timeout=timeout) as client:
        polled, heard = asyncio.Event(), asyncio.Event()
        both = asyncio.gather(poll(client, polled), listen(client, heard))

        async def tell() -> None:
            await polled.wait()
            await heard.wait()
            print("open", flush=True)

        await asyncio.gather(both, tell())


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when an answer was wrong; it does not end by itself otherwise."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.console.watching", description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, required=True, help="of the gateway")
    parser.add_argument("--data-dir", type=Path, required=True, help="of the gateway, to make an account")
    options = parser.parse_args(arguments)
    try:
        with closing(log_in(options.data_dir, options.port)) as visitor:
            cookies = visitor.cookies
        asyncio.run(watch(options.port, cookies))
    except (StartError, httpx.HTTPError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
