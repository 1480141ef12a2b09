"""Codex CLI and Claude Code as people run them, each before an upstream of the other maker's dialect, for one shell command.

`make test-clients` installs them into a directory of their own and says where by CLIENTS; without that these tests are skipped.
Each runs in a scratch home. The simulator calls the client's own shell tool, so that a file tells whether it was run.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator import SimulatorProcess
from gateway.simulator.truth import Truth
from tests.serving import Gateway, serving

SECRET = "sk-upstream-secret"
MODEL = "claude-sonnet-5-5"
MARK = "the tool was run"
TIMEOUT_S = 120

BIN = Path(os.environ.get("CLIENTS", "/nonexistent")) / "node_modules" / ".bin"
pytestmark = [
    pytest.mark.skipif("CLIENTS" not in os.environ, reason="make test-clients runs these"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed, so neither are the clients"),
]

CODEX_CONFIG = """
model = "{model}"
model_provider = "gateway"
[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
env_key = "GATEWAY_CALLER_KEY"
wire_api = "responses"
"""


def asked(tool: str, **given: str) -> str:
    """A prompt on which the simulator calls a tool of the client's."""
    return f"please [[simulate tool={tool} input='{json.dumps(given)}']]"


def run(home: Path, command: list[str], **variables: str) -> str:
    """Standard output of a client that ended well, in `home`/work. Nothing of this process's own settings reaches it."""
    work = home / "work"
    work.mkdir()
    own = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=work,
        env=own | {"HOME": str(home)} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (work / "mark.txt").read_text().strip() == MARK
    return done.stdout


def asked_upstream(sim: SimulatorProcess, path: str) -> list[Truth]:
    """The calls that reached the upstream, all of them answered whole."""
    calls = [truth for truth in sim.wait_truth(lambda all_: sum(one.path == path for one in all_) >= 2) if truth.path == path]
    assert {(truth.status, truth.ending) for truth in calls} == {(200, "finished")}
    return calls


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def key_of(gateway: Gateway) -> str:
    return gateway.mint()[0]


def test_codex_before_anthropic(home: Path) -> None:
    with (
        SimulatorProcess(keys=[SECRET]) as sim,
        serving({"ANTHROPIC_API_KEY": SECRET, "ANTHROPIC_UPSTREAM_URL": sim.url}, workers=1) as gateway,
    ):
        (home / ".codex").mkdir()
        (home / ".codex" / "config.toml").write_text(CODEX_CONFIG.format(model=MODEL, url=gateway.url))
        prompt = asked("exec_command", cmd=f"echo {MARK} > mark.txt")
        options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
        said = run(home, ["codex", "exec", *options, prompt], GATEWAY_CALLER_KEY=key_of(gateway))
        events: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
        items = [event["item"]["type"] for event in events if event["type"] == "item.completed"]
        assert "command_execution" in items
        assert items[-1] == "agent_message"
        assert events[-1]["type"] == "turn.completed"
        assert events[-1]["usage"]["output_tokens"] > 0
        asked_upstream(sim, "/v1/messages")


def test_claude_code_before_openai(home: Path) -> None:
    with (
        SimulatorProcess(keys=[SECRET]) as sim,
        serving({"OPENAI_API_KEY": SECRET, "OPENAI_UPSTREAM_URL": f"{sim.url}/v1"}, workers=1) as gateway,
    ):
        prompt = asked("Bash", command=f"echo {MARK} > mark.txt", description="marks")
        options = ["--allowedTools", "Bash", "--output-format", "json", "--model", MODEL]
        said = run(
            home,
            ["claude", "-p", prompt, *options],
            ANTHROPIC_BASE_URL=gateway.url,
            ANTHROPIC_AUTH_TOKEN=key_of(gateway),
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        )
        result = json.loads(said)
        assert (result["subtype"], result["is_error"], result["stop_reason"]) == ("success", False, "end_turn")
        assert result["num_turns"] == 2
        asked_upstream(sim, "/v1/chat/completions")
