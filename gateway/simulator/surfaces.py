"""Surfaces: which path gives which answer.

Owns routing, authentication, the order of checks and the script of each request. Turns a request into an exchange: a delivery
with the truth record that goes with it. Knows no socket.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.core.ids import fresh_id, text_of
from gateway.simulator import events, faults, models, prompt
from gateway.simulator.answer import Answer, compose
from gateway.simulator.batches import Batches
from gateway.simulator.connection import Request
from gateway.simulator.delivery import Reply, edit_frames, plan
from gateway.simulator.events import Frames
from gateway.simulator.exchange import Call, Served, begun, credential_of
from gateway.simulator.files import Files
from gateway.simulator.heads import JSON_TYPE, SSE_TYPE, Heads
from gateway.simulator.openai import asked as openai_asked
from gateway.simulator.openai import chat, responses
from gateway.simulator.openai import faults as openai_faults
from gateway.simulator.prefixes import PrefixCache
from gateway.simulator.prompt import Refusal
from gateway.simulator.script import Script, ScriptError, line_in, read_header, read_line
from gateway.simulator.truth import Truth, TruthLog

JSONL_TYPE = "application/x-jsonl"


Handler = Callable[["Surfaces", Call, str], Reply]


class Surfaces:
    """Everything one server answers with. `script` is the server's own and may be replaced at any time."""

    def __init__(self, *, keys: frozenset[str], script: Script, truth: TruthLog, fixtures_dir: Path | None) -> None:
        self.keys = keys
        self.script = script
        self.scripts: dict[str, Script] = {}  # of single credentials, in the place of the server's own
        self.truth = truth
        self._fixtures_dir = fixtures_dir
        self._heads = Heads()
        self._prefixes = PrefixCache()
        self._files = Files()
        self._batches = Batches()

    def __repr__(self) -> str:
        return f"<Surfaces {len(self.keys)} keys, {self.truth!r}>"

    def respond(self, request: Request) -> Served:
        """The exchange for one request; every failure becomes an error answer."""
        call = Call(request, text_of("req", fresh_id()), self.script)
        try:
            reply = self._reply(call)
        except Refusal as refusal:
            reply = _refused(call, refusal.status, refusal.text, refusal.error_code)
        except ScriptError as error:
            reply = _refused(call, 400, str(error), None)
        except (orjson.JSONEncodeError, RecursionError):
            # Only what came in can be that deep: parsing allows more levels than writing does.
            reply = _refused(call, 400, "The request body is nested too deeply.", None)
        return self._served(call, reply)

    def unreadable(self) -> None:
        """Notes that bytes came in which are not HTTP."""
        if self.truth.is_on:
            self.truth.append(Truth("", None, "", "", [], 0, "", None, status=400, ending="unreadable"))

    def _served(self, call: Call, reply: Reply) -> Served:
        request, script = call.request, call.script
        frames = reply.frames = edit_frames(reply.frames, script, call.request_id, reply.streamed, reply.fault)
        length: int | None = sum(map(len, frames.bytes_of))
        if reply.streamed:
            length = None
            if request.is_http10:
                length, request.keep_alive = -1, False
        headers = reply.headers
        if is_openai(request):
            headers = [*headers, ("x-request-id", call.request_id)]
        if script.gzip:
            headers = [*headers, ("content-encoding", "gzip")]
        if script.sha:
            headers = [*headers, ("x-body-sha256", hashlib.sha256(request.body).hexdigest())]
        head = self._heads.write(reply.status, reply.content_type, call.request_id, length, request.keep_alive, headers)
        with_body = request.method != "HEAD"
        is_chunked = length is None and with_body
        delivery = plan(reply, head, script, chunked=is_chunked, request_id=call.request_id, with_body=with_body)
        return Served(delivery, begun(call, reply) if self.truth.is_on else None, self.truth)

    def _reply(self, call: Call) -> Reply:
        request = call.request
        if request.path == "/" and request.method == "HEAD":
            return Reply(200, "", Frames())
        if request.is_oversized:
            raise Refusal(413, "Request exceeds the maximum size")
        call.tenant = self._tenant(request)
        call.script = self.scripts.get(call.tenant, self.script)
        control = request.header.get("x-simulate")
        if control is not None:
            call.script = read_header(control, call.script)
        scripted = self._scripted(call)
        if scripted is not None:
            return scripted
        if "content-encoding" in request.header and request.header["content-encoding"].lower() != "identity":
            raise Refusal(400, "The request body encoding is not supported.", error_code="request_body_encoding_unsupported")
        handler = _EXACT.get((request.method, request.path))
        if handler is not None:
            return handler(self, call, "")
        return self._by_pattern(call)

    def _by_pattern(self, call: Call) -> Reply:
        request = call.request
        is_known_path = any(path == request.path for _, path in _EXACT)
        for method, pattern, handler in _PATTERNS:
            found = pattern.fullmatch(request.path)
            if found is None:
                continue
            is_known_path = True
            if method == request.method:
                return handler(self, call, unquote(found.group(1)))
        if is_known_path:
            raise Refusal(405, "Method Not Allowed")
        raise Refusal(404, "Not found")

    def _tenant(self, request: Request) -> str:
        """Checks the credential and the version header; x-api-key decides when both kinds are there. Raises Refusal."""
        credential = credential_of(request)
        if not credential:
            raise Refusal(401, "x-api-key header is required")
        if self.keys and credential not in self.keys:
            raise Refusal(401, "invalid x-api-key" if request.header.get("x-api-key") else "Invalid bearer token")
        if request.path.startswith("/v1/") and not is_openai(request):
            version = request.header.get("anthropic-version")
            if version is None:
                raise Refusal(400, "anthropic-version: header is required")
            if version not in prompt.VERSIONS:
                raise Refusal(400, f'anthropic-version: "{version[:100]}" is not a valid version')
        return credential

    def _scripted(self, call: Call) -> Reply | None:
        """The reply when the script leaves nothing for the endpoint to say."""
        script = call.script
        if script.redirect is not None:
            reply = Reply.of(307, "text/plain", b"")
            reply.headers.append(("location", script.redirect))
            return reply
        if script.html:
            return Reply.of(script.status or 502, "text/html", faults.page(script.status or 502))
        if script.status is not None and script.error_at is None:
            return _refused(call, script.status, script.message, script.error_code)
        if script.fixture is not None:
            return self._recorded(script.fixture)
        return None

    def _recorded(self, name: str) -> Reply:
        """A recorded stream (`NAME.sse`, `stream_NAME.sse`) or body (`NAME.json`)."""
        folder = self._fixtures_dir
        for file_name in (f"stream_{name}.sse", f"{name}.sse", f"{name}.json") if folder is not None else ():
            path = folder / file_name  # type: ignore[operator]  # the loop is empty without a folder
            if not path.is_file():
                continue
            recorded = path.read_bytes()
            if path.suffix == ".json":
                return Reply.of(200, JSON_TYPE, recorded)
            frames, told = Frames(), 0
            for part in re.findall(rb".*?\n\n|.+\Z", recorded, re.DOTALL):
                told += part.startswith(b"event: content_block_delta")
                frames.append(part, told)
            return Reply(200, SSE_TYPE, frames, streamed=True)
        raise Refusal(404, "simulate: no such fixture")

    def _by_line(self, call: Call, asked: prompt.Prompt) -> Reply | None:
        """Reads a script in the prompt; the reply when that leaves nothing to say."""
        call.model, call.stream = asked.model, asked.stream
        line = line_in(asked.last_text)
        if line is None:
            return None
        # A header outranks a line in the prompt, so the line is read first and the header again on top of it.
        call.script = read_line(line, self.script)
        if "x-simulate" in call.request.header:
            call.script = read_header(call.request.header["x-simulate"], call.script)
        return self._scripted(call)

    def _answer(self, call: Call, asked: prompt.Prompt) -> Answer:
        script = call.script
        sha256 = hashlib.sha256(call.request.body).hexdigest() if script.sha else None
        call.answer = compose(asked, script, self._prefixes.take(asked, call.tenant, monotonic()), sha256)
        return call.answer

    # endpoints; each takes the call and what the path carries

    def _messages(self, call: Call, _: str) -> Reply:
        request = call.request
        asked = self._prompt(request)
        scripted = self._by_line(call, asked)
        if scripted is not None:
            return scripted
        answer, script = self._answer(call, asked), call.script
        if asked.stream:
            return Reply(200, SSE_TYPE, events.stream(answer, script.chunk, script.usage), streamed=True)
        return Reply.of(200, JSON_TYPE, events.body(answer, script.usage), answer.usage.output_tokens)

    def _prompt(self, request: Request, counting: bool = False) -> prompt.Prompt:
        return prompt.read(
            prompt.parse(request.body),
            version=request.header["anthropic-version"],
            has_breakpoints=b'"cache_control"' in request.body,
            counting=counting,
        )

    def _count_tokens(self, call: Call, _: str) -> Reply:
        asked = self._prompt(call.request, counting=True)
        call.model = asked.model
        return _json({"input_tokens": asked.input_tokens})

    def _chat(self, call: Call, _: str) -> Reply:
        parsed = prompt.parse(call.request.body)
        asked = openai_asked.chat(parsed)
        scripted = self._by_line(call, asked)
        if scripted is not None:
            return scripted
        answer, script = self._answer(call, asked), call.script
        if not asked.stream:
            return Reply.of(200, JSON_TYPE, chat.body(answer, script.usage), answer.usage.output_tokens)
        options = parsed.get("stream_options")
        include_usage = isinstance(options, dict) and options.get("include_usage") is True
        frames = chat.stream(answer, script.chunk, script.usage, include_usage=include_usage)
        return Reply(200, SSE_TYPE, frames, streamed=True, fault=openai_faults.chunk)

    def _responses(self, call: Call, _: str) -> Reply:
        parsed = prompt.parse(call.request.body)
        asked = openai_asked.responses(parsed)
        scripted = self._by_line(call, asked)
        if scripted is not None:
            return scripted
        answer, script = self._answer(call, asked), call.script
        if not asked.stream:
            return Reply.of(200, JSON_TYPE, responses.body(answer, parsed, script.usage), answer.usage.output_tokens)
        frames = responses.stream(answer, parsed, script.chunk, script.usage)
        return Reply(200, SSE_TYPE, frames, streamed=True, fault=openai_faults.event)

    def _completions(self, call: Call, _: str) -> Reply:
        parsed = prompt.parse(call.request.body)
        asked = openai_asked.chat({**parsed, "messages": [{"role": "user", "content": str(parsed.get("prompt", ""))}]})
        scripted = self._by_line(call, asked)
        if scripted is not None:
            return scripted
        frames = chat.completion(self._answer(call, asked), streams=asked.stream)
        if asked.stream:
            return Reply(200, SSE_TYPE, frames, streamed=True, fault=openai_faults.chunk)
        return Reply(200, JSON_TYPE, frames)

    def _embeddings(self, call: Call, _: str) -> Reply:
        parsed = prompt.parse(call.request.body)
        if "input" not in parsed or not isinstance(parsed.get("model"), str):
            raise Refusal(400, "Missing required parameter: 'input'.")
        call.model = parsed["model"]
        return Reply.of(200, JSON_TYPE, chat.embeddings(parsed, parsed["model"]))

    def _models(self, call: Call, _: str) -> Reply:
        if is_openai(call.request):
            return _json(models.openai_listing())
        return _json(models.listing(call.query))

    def _model(self, call: Call, name: str) -> Reply:
        if is_openai(call.request):
            return _json(models.openai_one(name))
        return _json(models.one(name))

    def _files_create(self, call: Call, _: str) -> Reply:
        return _json(self._files.create(call.tenant, call.request.header.get("content-type", ""), call.request.body))

    def _files_list(self, call: Call, _: str) -> Reply:
        return _json(self._files.listing(call.tenant))

    def _file(self, call: Call, file_id: str) -> Reply:
        return _json(self._files.one(call.tenant, file_id).about)

    def _file_content(self, call: Call, file_id: str) -> Reply:
        file = self._files.one(call.tenant, file_id)
        return Reply.of(200, file.about["mime_type"], file.content)

    def _file_delete(self, call: Call, file_id: str) -> Reply:
        return _json(self._files.delete(call.tenant, file_id))

    def _batch_create(self, call: Call, _: str) -> Reply:
        return _json(self._batches.create(call.tenant, prompt.parse(call.request.body)))

    def _batch_list(self, call: Call, _: str) -> Reply:
        return _json(self._batches.listing(call.tenant, call.query))

    def _batch(self, call: Call, batch_id: str) -> Reply:
        version = call.request.header["anthropic-version"]

        def answer_one(params: dict[str, Any]) -> bytes:
            asked = prompt.read(params, version=version, has_breakpoints=False)
            answer = compose(asked, self.script, self._prefixes.take(asked, call.tenant, monotonic()), None)
            return events.body(answer, None).replace(b'"service_tier":"standard"', b'"service_tier":"batch"')

        origin = f"http://{call.request.header.get('host', 'localhost')}"
        return _json(self._batches.look(call.tenant, batch_id, origin, answer_one))

    def _batch_cancel(self, call: Call, batch_id: str) -> Reply:
        return _json(self._batches.cancel(call.tenant, batch_id))

    def _batch_results(self, call: Call, batch_id: str) -> Reply:
        return Reply.of(200, JSONL_TYPE, self._batches.results(call.tenant, batch_id))

    def _batch_delete(self, call: Call, batch_id: str) -> Reply:
        return _json(self._batches.delete(call.tenant, batch_id))


_OPENAI: dict[str, Handler] = {
    "/chat/completions": Surfaces._chat,
    "/responses": Surfaces._responses,
    "/completions": Surfaces._completions,
    "/embeddings": Surfaces._embeddings,
}
# An upstream in a Unix socket has no base path, so the version may be missing.
_EXACT: dict[tuple[str, str], Handler] = {
    **{("POST", prefix + path): handler for path, handler in _OPENAI.items() for prefix in ("", "/v1")},
    ("GET", "/models"): Surfaces._models,
    ("POST", "/v1/messages"): Surfaces._messages,
    ("POST", "/v1/messages/count_tokens"): Surfaces._count_tokens,
    ("GET", "/v1/models"): Surfaces._models,
    ("POST", "/v1/files"): Surfaces._files_create,
    ("GET", "/v1/files"): Surfaces._files_list,
    ("POST", "/v1/messages/batches"): Surfaces._batch_create,
    ("GET", "/v1/messages/batches"): Surfaces._batch_list,
}
_PATTERNS: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", r"(?:/v1)?/models/([^/]+)", Surfaces._model),
        ("GET", r"/v1/files/([^/]+)", Surfaces._file),
        ("DELETE", r"/v1/files/([^/]+)", Surfaces._file_delete),
        ("GET", r"/v1/files/([^/]+)/content", Surfaces._file_content),
        ("GET", r"/v1/messages/batches/([^/]+)", Surfaces._batch),
        ("DELETE", r"/v1/messages/batches/([^/]+)", Surfaces._batch_delete),
        ("POST", r"/v1/messages/batches/([^/]+)/cancel", Surfaces._batch_cancel),
        ("GET", r"/v1/messages/batches/([^/]+)/results", Surfaces._batch_results),
    )
]


def _json(value: dict[str, Any]) -> Reply:
    return Reply.of(200, JSON_TYPE, orjson.dumps(value))


def is_openai(request: Request) -> bool:
    """Whether a request is made in one of OpenAI's dialects: by its path, or by a bearer who says nothing of Anthropic's."""
    path = request.path.removeprefix("/v1")
    if path in _OPENAI:
        return True
    return path.startswith("/models") and not {"anthropic-version", "x-api-key"} & request.header.keys()


def _refused(call: Call, status: int, text: str | None, error_code: str | None) -> Reply:
    if is_openai(call.request):
        reply = Reply.of(status, JSON_TYPE, openai_faults.envelope(status, text, error_code))
    else:
        reply = Reply.of(status, JSON_TYPE, faults.envelope(status, call.request_id, text, error_code))
    reply.headers.append(("x-should-retry", "true" if faults.is_retryable(status) else "false"))
    if call.script.retry_after is not None:
        reply.headers.append(("retry-after", str(call.script.retry_after)))
    return reply
