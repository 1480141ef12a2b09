"""Sample use: workspaces, keys and calls as an installation in use has them, for a gateway that is thrown away afterwards.

Owns the tables of who calls what, and the loops that call. The calls are real ones, answered by the simulator, so every figure
they leave is as true as any; they differ in model, protocol, length and ending, because pages with equal bars show nothing.
"""

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from gateway.cli.door import Door

CALL_TIMEOUT_S = 60.0
CALLERS = 4
FIRST_CALLS = 40  # at once, so that the first look shows something
PAUSE_S = (0.2, 2.5)
SEED = 7


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of call. `script` is what the simulator is told; `weight` is how often it comes beside the others."""

    key: str
    path: str
    model: str
    script: str
    weight: int


# Workspace -> what it is made with.
WORKSPACES: dict[str, dict[str, object]] = {
    "Research": {"plan": "max-20x", "time_zone": "Europe/Berlin"},
    "Support": {"billing": "prepaid", "time_zone": "Asia/Kolkata"},
}
CREDITS_USD = {"Support": "50"}
# Key -> (workspace, limits).
KEYS: dict[str, tuple[str, dict[str, object]]] = {
    "notebook": ("Research", {}),
    "nightly-batch": ("Research", {"budget_usd": "5"}),
    "chat-widget": ("Support", {"rpm": 30}),
    "coding-agent": ("default", {"concurrency": 4}),
}
_MESSAGES, _CHAT, _RESPONSES = "/v1/messages", "/v1/chat/completions", "/v1/responses"
CALLS = (
    Call("coding-agent", _MESSAGES, "claude-opus-4-8", "ttft_ms=700 text_tokens=320 tokens_per_s=90 thinking_tokens=120", 5),
    Call("coding-agent", _RESPONSES, "claude-sonnet-5", "ttft_ms=420 text_tokens=180 tokens_per_s=120", 4),
    Call("notebook", _MESSAGES, "claude-sonnet-5", "ttft_ms=380 text_tokens=240 tokens_per_s=110", 5),
    Call("notebook", _CHAT, "claude-haiku-4-5", "ttft_ms=160 text_tokens=90 tokens_per_s=200", 3),
    Call("nightly-batch", _MESSAGES, "claude-haiku-4-5", "ttft_ms=140 text_tokens=60 tokens_per_s=250", 6),
    Call("chat-widget", _CHAT, "claude-sonnet-5", "ttft_ms=300 text_tokens=70 tokens_per_s=140", 5),
    Call("chat-widget", _MESSAGES, "claude-sonnet-5", "status=400", 1),
    Call("notebook", _MESSAGES, "claude-sonnet-5", "text_tokens=200 tokens_per_s=150 error_at=20", 1),
)
QUESTION = "Summarise the harbour master's log of last week in a few plain sentences, and say what is missing from it. "


def furnish(door: Door) -> dict[str, str]:
    """Makes the workspaces, credits and keys. Returns each key's text by its name."""
    for name, order in WORKSPACES.items():
        door.post("workspaces", body={"name": name, **order})
    for name, amount in CREDITS_USD.items():
        door.post("credits", body={"workspace": name, "amount_usd": amount})
    minted = {}
    for name, (workspace, limits) in KEYS.items():
        minted[name] = str(door.post("keys", body={"name": name, "workspace": workspace, **limits})["data"][0]["key"])
    return minted


class Callers:
    """Calls a gateway until it is told to stop. Failures are a part of the sample and are not told."""

    def __init__(self, port: int, keys: Mapping[str, str]) -> None:
        self._port = port
        self._keys = keys
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._call_on, args=(number,), daemon=True) for number in range(CALLERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when the calls under way have ended or run out of time."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(CALL_TIMEOUT_S)

    def _call_on(self, number: int) -> None:
        chance = random.Random(SEED + number)
        left = FIRST_CALLS // CALLERS
        while not self._stopping.is_set():
            call_once(self._port, self._keys, chance)
            left -= 1
            if left < 0:
                self._stopping.wait(chance.uniform(*PAUSE_S))


def call_once(port: int, keys: Mapping[str, str], chance: random.Random) -> None:
    """One call of the table, to its end."""
    call = chance.choices(CALLS, [one.weight for one in CALLS])[0]
    path, body = call.path, written(call, chance.randint(1, 60))
    connection = HTTPConnection("127.0.0.1", port, timeout=CALL_TIMEOUT_S)
    try:
        headers = {"content-type": "application/json", "x-api-key": keys[call.key], "anthropic-version": "2023-06-01"}
        connection.request("POST", path, body, headers)
        connection.getresponse().read()
    except (OSError, HTTPException):
        pass  # the gateway stops, or the simulator broke the answer off as it was told
    finally:
        connection.close()


def written(call: Call, length: int) -> bytes:
    """The body of a call whose question is this many sentences long."""
    text = f"[[simulate {call.script}]]\n" + QUESTION * length
    if call.path == _RESPONSES:
        return json.dumps({"model": call.model, "input": text, "stream": True}).encode()
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": call.model, "max_tokens": 1000, "stream": True, "messages": messages}).encode()
