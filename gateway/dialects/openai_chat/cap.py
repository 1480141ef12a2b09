"""The cap: a chat stream that may carry only so many output tokens.

Owns the end of a stream whose budget ends before the answer does: what still fits goes on, then every choice that is open says
`finish_reason: "length"`, the figures follow where the client asked for them, and `[DONE]`. Knows nothing of budgets. It stands
before the usage tap, as the cap of Anthropic's streams does, and counts as that one. Legacy completions are streams of the same
kind with another place for the text.
"""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.allowance import Allowance
from gateway.dialects.payloads import object_in

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
_DONE = b"[DONE]"


class Cap:
    """One stream that may carry `output_tokens_max`. The input is not told before the end, so `revise` is never asked.

    `reached` is True once the closing chunks were given out. `input_tokens` is what they tell of the input.
    """

    def __init__(self, output_tokens_max: int, revise: Callable[[Usage], int] | None = None, *, input_tokens: int = 0) -> None:
        self.allowance = Allowance(output_tokens_max)
        self._input_tokens = input_tokens
        self._parser = sse.Parser()
        self._head: dict[str, Any] = {}
        self._open: dict[int, bool] = {}  # choice -> whether it is a legacy completion's
        self._figures = False  # the client asked for usage: then every chunk has the key
        self._over = False  # the upstream itself has ended it
        self.reached = False

    def feed(self, data: bytes) -> bytes:
        """The chunks that are complete with `data` and still fit, and the closing ones after the last that does.

        Raises sse.OverlongEvent.
        """
        if self.reached:
            return b""
        out: list[bytes] = []
        for event in self._parser.feed(data):
            if event.data.startswith(_DONE):
                self._over = True
            elif not self._over and not self._fits(event.data):
                out.append(self.end())
                break
            out.append(sse.frame(event.name, event.data))
        return b"".join(out)

    def end(self) -> bytes:
        """The closing chunks, wherever the stream is."""
        self.reached = True
        figures = {"usage": None} if self._figures else {}
        choices = [_closing(index, legacy) for index, legacy in self._open.items()]
        frames = [sse.frame(b"", orjson.dumps({**self._head, "choices": choices, **figures}))]
        if self._figures:
            told = {
                "prompt_tokens": self._input_tokens,
                "completion_tokens": self.allowance.output_tokens,
                "total_tokens": self._input_tokens + self.allowance.output_tokens,
            }
            frames.append(sse.frame(b"", orjson.dumps({**self._head, "choices": [], "usage": told})))
        return b"".join((*frames, sse.frame(b"", _DONE)))

    def _fits(self, data: bytes) -> bool:
        chunk = object_in(data)
        choices = chunk.get("choices")
        choices = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
        if choices:
            self._head = {key: value for key, value in chunk.items() if key not in ("choices", "usage")}
            self._figures = self._figures or "usage" in chunk
        for choice in choices:
            self._open.setdefault(_index(choice), "text" in choice)
        texts = [text for choice in choices for text in _texts(choice) if text]
        if texts and not self.allowance.takes(texts):
            return False
        for choice in choices:
            if choice.get("finish_reason"):
                self._open.pop(_index(choice), None)
        return True


def _index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if type(index) is int else 0


def _closing(index: int, legacy: bool) -> dict[str, object]:
    said: dict[str, object] = {"text": ""} if legacy else {"delta": {}}
    return {"index": index, **said, "logprobs": None, "finish_reason": "length"}


def _texts(choice: dict[str, Any]) -> Iterator[str]:
    """Whatever a model writes token by token."""
    delta = choice.get("delta")
    found: list[object] = [choice.get("text")]
    if isinstance(delta, dict):
        found += (delta.get(name) for name in _TEXTS)
        found.append(_inside(delta.get("function_call"), "arguments"))
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                found += (_inside(call.get("function"), "arguments"), _inside(call.get("custom"), "input"))
    return (text for text in found if isinstance(text, str))


def _inside(holder: object, name: str) -> object:
    return holder.get(name) if isinstance(holder, dict) else None
