"""Every recorded stream: written by its writer, sent byte for byte, read by the SDK."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import anthropic
import pytest

from gateway.simulator import Simulator, SimulatorProcess
from gateway.simulator.server import FIXTURES_DIR

from .wire import ask, conversation, simulated

STREAMS = sorted(path.stem for path in FIXTURES_DIR.glob("stream_*.sse"))
FILES = sorted(FIXTURES_DIR.glob("*.sse")) + sorted(FIXTURES_DIR.glob("*.json"))

# (stop reason, block types, output tokens); None where the stream does not get that far.
EXPECTED: dict[str, tuple[str | None, list[str], int]] = {
    "stream_beta_compaction": ("end_turn", ["compaction", "text"], 5),
    "stream_empty": ("end_turn", [], 2),
    "stream_max_tokens": ("max_tokens", ["text"], 6),
    "stream_new_fields": ("end_turn", ["text"], 4),
    "stream_redacted_thinking": ("end_turn", ["redacted_thinking", "text"], 33),
    "stream_refusal": ("refusal", [], 3),
    "stream_stop_sequence": ("stop_sequence", ["text"], 5),
    "stream_text": ("end_turn", ["text"], 9),
    "stream_thinking": ("end_turn", ["thinking", "text"], 63),
    "stream_thinking_omitted": ("end_turn", ["thinking", "text"], 47),
    "stream_tool_use": ("tool_use", ["text", "tool_use", "tool_use"], 74),
    "stream_truncated": (None, ["text"], 1),
    "stream_unicode": ("end_turn", ["text"], 44),
    "stream_web_search": ("end_turn", ["text", "server_tool_use", "web_search_tool_result", "text"], 188),
}
# What Anthropic never sends, and no client has to understand.
BROKEN = (
    "stream_error_midway",
    "stream_input_no_json",
    "stream_one_event_too_many",
    "stream_thinking_in_text",
    "stream_two_starts",
    "stream_unknown_index",
)


def _writer() -> Any:
    spec = importlib.util.spec_from_file_location("golden_anthropic_write", FIXTURES_DIR / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_writer_writes() -> None:
    assert {path.name: path.read_bytes() for path in FILES} == _writer().everything()


def test_every_stream_is_expected_to_do_something() -> None:
    assert sorted([*EXPECTED, *BROKEN]) == STREAMS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_is_sent_byte_for_byte(path: Path) -> None:
    content = path.read_bytes()

    async def run() -> None:
        async with Simulator() as sim:
            for script in ("", ";split=5", ";tokens_per_s=2000"):
                answer = await ask(sim.url, simulated(f"fixture={path.stem}{script}", conversation(stream=True)))
                assert answer.payload == content
            assert sim.truth[0].payload_bytes_sent == len(content)

    asyncio.run(run())


@pytest.fixture(scope="module")
def client() -> Any:
    with SimulatorProcess(keep_truth=False) as sim, anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as sdk:
        yield sdk


def _stream(client: anthropic.Anthropic, name: str) -> Any:
    with client.beta.messages.stream(
        model="m", max_tokens=99, messages=[{"role": "user", "content": "x"}], extra_headers={"x-simulate": f"fixture={name}"}
    ) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("name", EXPECTED)
def test_the_sdk_reads_every_recording(client: anthropic.Anthropic, name: str) -> None:
    message = _stream(client, name)
    assert (message.stop_reason, [block.type for block in message.content], message.usage.output_tokens) == EXPECTED[name]


def test_the_sdk_raises_the_error_in_the_middle(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError) as error:
        _stream(client, "stream_error_midway")
    assert error.value.body == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_01GoldenError",
    }


def test_the_sdk_reads_odd_text_whole(client: anthropic.Anthropic) -> None:
    text = _stream(client, "stream_unicode").content[0].text
    assert text == 'Grüße, паром в семь, 渡し船は七時 \U0001f6a2 a "quote", a \\ and\na tab\t\u2028\x7f\x00'


@pytest.mark.parametrize(
    ("name", "types"), [("text", ["text"]), ("thinking", ["thinking", "text"]), ("tool_use", ["text", "tool_use"])]
)
def test_the_sdk_reads_every_body(client: anthropic.Anthropic, name: str, types: list[str]) -> None:
    message = client.messages.create(
        model="m",
        max_tokens=99,
        messages=[{"role": "user", "content": "x"}],
        extra_headers={"x-simulate": f"fixture=message_{name}"},
    )
    assert [block.type for block in message.content] == types
