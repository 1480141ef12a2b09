"""The landing page's blocks, taken from the page and run as they stand: only the key is put in."""

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving import Gateway, serving

SDK = Path(os.environ.get("NPM_SDK", "/nonexistent"))
CLIENTS = Path(os.environ.get("CLIENTS", "/nonexistent")) / "node_modules" / ".bin"
KEY = "YOUR_KEY"
SAID = "This is the simulator"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with serving({}, workers=1) as running:
        yield running


@pytest.fixture(scope="module", params=["en", "ru"])
def blocks(request: pytest.FixtureRequest, gateway: Gateway) -> dict[str, str]:
    """Client and number -> the block, with a key in it."""
    page = httpx.get(f"{gateway.url}/", params={"lang": request.param}, timeout=30).text
    found = re.findall(r'<pre[^>]* id="quick-([\w-]+)"><code>(.*?)</code></pre>', page, re.DOTALL)
    key = gateway.mint()[0]
    return {name: html.unescape(text).replace(KEY, key) for name, text in found}


def run(command: list[str], folder: Path, **variables: str) -> str:
    """Standard output of a program that ended well. It sees nothing of this process's own settings."""
    own = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environ = own | {"HOME": str(folder)} | variables
    done = subprocess.run(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-1000:]
    return done.stdout


def test_there_is_a_block_for_each(blocks: dict[str, str]) -> None:
    clients = {name.rpartition("-")[0] for name in blocks}
    assert clients == {"curl", "python", "typescript", "claude-code", "codex"}
    assert all(KEY not in text for text in blocks.values())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_block_streams(blocks: dict[str, str], tmp_path: Path) -> None:
    said = run(["sh", "-c", blocks["curl-1"]], tmp_path)
    assert "event: message_start" in said
    assert "event: message_stop" in said


def test_the_python_block_prints_an_answer(blocks: dict[str, str], tmp_path: Path) -> None:
    assert blocks["python-1"] == "pip install anthropic"
    (tmp_path / "hello.py").write_text(blocks["python-2"])
    assert SAID in run([sys.executable, "hello.py"], tmp_path)


@pytest.mark.skipif(not SDK.is_dir() or shutil.which("node") is None, reason="make test-clients installs the SDK and runs this")
def test_the_typescript_block_prints_an_answer(blocks: dict[str, str], tmp_path: Path) -> None:
    assert blocks["typescript-1"] == "npm install @anthropic-ai/sdk"
    (tmp_path / "hello.mjs").write_text(blocks["typescript-2"])
    (tmp_path / "node_modules").symlink_to(SDK)
    assert SAID in run(["node", "hello.mjs"], tmp_path)


@pytest.mark.skipif(not CLIENTS.is_dir(), reason="make test-clients installs Claude Code and runs this")
@pytest.mark.timeout(120)
def test_the_claude_code_block_is_a_configuration(blocks: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text(blocks["claude-code-1"])
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    said = run([str(CLIENTS / "claude"), "-p", "Say hello", "--model", "claude-sonnet-5-5"], tmp_path, **quiet)
    assert SAID in said
    exports = blocks["claude-code-2"].removesuffix("claude")
    (tmp_path / ".claude" / "settings.json").unlink()
    command = f"{exports}{CLIENTS}/claude -p 'Say hello' --model claude-sonnet-5-5"
    assert SAID in run(["sh", "-c", command], tmp_path, **quiet)


@pytest.mark.skipif(not CLIENTS.is_dir(), reason="make test-clients installs Codex and runs this")
@pytest.mark.timeout(120)
def test_the_codex_block_is_a_configuration(blocks: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(blocks["codex-1"])
    export = blocks["codex-2"].removesuffix("codex")
    options = "exec --skip-git-repo-check 'Say hello'"
    assert SAID in run(["sh", "-c", f"{export}{CLIENTS}/codex {options}"], tmp_path)
