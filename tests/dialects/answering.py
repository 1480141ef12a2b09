"""A real HTTP server that answers every call with given bytes, and the official SDKs that read them.

Reading certificates takes an SDK longer than everything else in a test of plain HTTP, so these read none.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import anthropic
import openai


@contextmanager
def answering(body: bytes, *, stream: bool, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> Iterator[str]:
    """The base URL of the server, without `/v1`."""
    kind = "text/event-stream; charset=utf-8" if stream else "application/json"

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            for name, value in headers or [(b"content-type", kind.encode())]:
                self.send_header(name.decode(), value.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def anthropic_sdk(url: str) -> anthropic.Anthropic:
    """Anthropic's, for the server at this URL."""
    http = anthropic.DefaultHttpxClient(verify=False, trust_env=False)
    return anthropic.Anthropic(api_key="k", base_url=url, max_retries=0, http_client=http)


def openai_sdk(url: str) -> openai.OpenAI:
    """OpenAI's, for the server at this URL."""
    http = openai.DefaultHttpxClient(verify=False, trust_env=False)
    return openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0, http_client=http)
