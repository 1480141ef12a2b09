"""R12: words that must never be found again: in the upstream's secret, in clients' keys, in prompts and answers.

One run with everything that goes wrong with an upstream; then every byte that the gateway wrote or told is searched.
"""

import base64
import gzip
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway.simulator import SimulatorProcess
from tests.serving import Gateway, serving, upstream

SECRET = "sk-ant-CANARYSECRET-9f3c1e7a"
WRONG_KEY = "sk-ant-CANARYWRONGKEY-55aa"
PROMPT = "CANARYPROMPT"
ELSEWHERE = "http://canaryhost.example/v1/steal"
# What an upstream may do to a call, and what it may say while it does so.
SCRIPTS = [
    "",
    f"status=400;message=your key {SECRET} is odd",
    f"status=401;message=invalid x-api-key {SECRET}",
    f"status=403;message={SECRET}",
    f"status=429;message=slow down {SECRET};retry_after=2",
    f"status=500;message={SECRET}",
    f"status=529;message={SECRET};gzip",
    f"redirect={ELSEWHERE}?key={SECRET}",
    "html;status=502",
    "html;status=503",
    "cut_at=0",
    "cut_at=700",
    "cut_at=700;cut=rst",
    "malformed=json",
    "malformed=sse",
    "malformed=http",
    "malformed=chunk",
    "empty",
    f"error_at=3;status=500;message=oh {SECRET}",
    "no_stop=message_delta",
    "usage=weird",
]


@dataclass
class Run:
    """A gateway after its run: what it told clients, and where it lives."""

    gateway: Gateway
    keys: list[str]
    host: str
    told: list[tuple[str, bytes]] = field(default_factory=list)

    def call(self, name: str, method: str, path: str, body: Any = None, **headers: str) -> int:
        """The status; head and body of the answer are kept under the name."""
        self.gateway.forgive()  # every call is to reach the upstream
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        own = {"x-api-key": self.keys[0], "anthropic-version": "2023-06-01", "content-type": "application/json"}
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        try:
            connection.request(method, path, payload, own | sent)
            answer = connection.getresponse()
            self.told.append((name, str(answer.getheaders()).encode()))
            try:
                text = answer.read()
            except http.client.IncompleteRead as cut:
                text = cut.partial
        finally:
            connection.close()
        self.told.append((name, gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text))
        return answer.status


def prompt(**more: Any) -> dict[str, Any]:
    """A request with the canary wherever a prompt may stand."""
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 40,
        "system": f"{PROMPT} in the system",
        "messages": [{"role": "user", "content": f"{PROMPT} in a message, CANARYANSWER"}],
        "tools": [{"name": f"{PROMPT}_tool", "description": PROMPT, "input_schema": {"type": "object"}}],
        "metadata": {"user_id": PROMPT},
    } | more


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with (
        SimulatorProcess(keys=[SECRET]) as sim,
        serving(upstream(sim.url, SECRET), workers=2) as gateway,
    ):
        done = Run(gateway, gateway.mint(2), sim.url.removeprefix("http://"))
        for script in SCRIPTS:
            for stream in (False, True):
                done.call(f"{script} stream={stream}", "POST", "/v1/messages", prompt(stream=stream), x_simulate=script)
            done.call(f"count {script}", "POST", f"/v1/messages/count_tokens?note={PROMPT}", prompt(), x_simulate=script)
            done.call(f"models {script}", "GET", "/v1/models", x_simulate=script)
            done.call(f"other {script}", "POST", "/v1/files", PROMPT.encode(), x_simulate=script)
        for name, body in {
            "no json": f'{{"model": "{PROMPT}'.encode(),
            "wrong role": prompt(messages=[{"role": PROMPT, "content": PROMPT}]),
            "wrong type": prompt(messages=PROMPT),
            "wrong block": prompt(messages=[{"role": "user", "content": [{"type": "text", "txt": PROMPT}]}]),
            "wrong system": prompt(system={PROMPT: PROMPT}),
        }.items():
            done.call(name, "POST", "/v1/messages", body)
        done.call("wrong key", "POST", "/v1/messages", prompt(), x_api_key=WRONG_KEY)
        done.call("wrong token", "POST", "/v1/messages", prompt(), x_api_key="", authorization=f"Bearer {WRONG_KEY}")
        done.call("key in the query", "GET", f"/v1/models?key={done.keys[1]}&x={PROMPT}", authorization=f"Bearer {done.keys[1]}")
        done.call("odd header", "POST", "/v1/messages", prompt(), x_odd=PROMPT, cookie=PROMPT, referer=f"http://{PROMPT}/")
        done.call("control plane", "POST", f"/nothing?{PROMPT}", PROMPT.encode(), authorization=f"Bearer {WRONG_KEY}")
        for path in ("/metrics", "/status", "/healthz"):
            done.call(path, "GET", path)
        done.told.append(("usage", gateway.cli("usage", "--by", "model", "--json").encode()))
        done.told.append(("keys", gateway.cli("keys", "list", "--json").encode()))
        yield done


def spellings(word: str) -> list[bytes]:
    """The ways in which a word might be written down."""
    plain = word.encode()
    return [
        plain,
        plain.hex().encode(),
        base64.b64encode(plain)[:-4],
        quote(word, safe="").encode(),
        plain[::-1],
        word.encode("utf-16-le"),
    ]


def written(gateway: Gateway) -> Iterator[tuple[str, bytes]]:
    """Everything the gateway has written: its whole directory, its log, and the command lines of its processes."""
    for path in sorted(gateway.data_dir.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(gateway.data_dir)), path.read_bytes()
    yield "log", gateway.log.read_bytes()
    for pid in (gateway.pid, *gateway.children()):
        yield f"command line of {pid}", Path(f"/proc/{pid}/cmdline").read_bytes()


def found(places: Iterator[tuple[str, bytes]] | list[tuple[str, bytes]], *words: str) -> list[tuple[str, str]]:
    return [(place, word) for place, text in places for word in words if any(one in text for one in spellings(word))]


def test_nothing_that_is_written_holds_a_secret_or_a_prompt(run: Run) -> None:
    """R12: neither secrets nor keys nor prompts nor answers in any file."""
    places = list(written(run.gateway))
    assert {"gateway.db", "shared.map", "pepper", "log"} <= {name for name, _ in places}
    assert any(b"claude-sonnet-5-5" in text for name, text in places if name.startswith("gateway.db"))
    assert found(places, SECRET, WRONG_KEY, PROMPT, "CANARYANSWER", *run.keys) == []
    assert found(places, *(key[-40:] for key in run.keys)) == []


def test_no_client_is_told_the_upstreams_secret_or_host(run: Run) -> None:
    """R12: also when the upstream itself says them, compressed or in the middle of a stream."""
    assert found(run.told, SECRET, "canaryhost", run.host) == []


def test_no_client_is_told_a_key(run: Run) -> None:
    """R12: not its own, not another's."""
    assert found(run.told, WRONG_KEY, *run.keys) == []


def test_figures_and_probes_hold_no_prompt(run: Run) -> None:
    """R12: metrics, status and reports."""
    figures = [(name, text) for name, text in run.told if name in ("/metrics", "/status", "/healthz", "usage", "keys")]
    assert len(figures) == 8
    assert found(figures, PROMPT) == []


def test_the_run_was_what_it_claims(run: Run) -> None:
    """The upstream's own words do arrive, without what is ours; a canary that is never sent would be found nowhere."""
    told = dict(run.told)
    assert b"your key [redacted] is odd" in told[f"{SCRIPTS[1]} stream=False"]
    assert b"slow down [redacted]" in told[f"{SCRIPTS[4]} stream=True"]
    assert PROMPT.encode() in told[" stream=False"]
    log = run.gateway.log.read_text()
    assert log.count('"request"') > len(SCRIPTS)
    assert "Traceback" not in log
    assert '"bug"' not in log
