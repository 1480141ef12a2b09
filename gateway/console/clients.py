"""Clients: what to write where, so that a program calls this gateway.

Pure: a table of programs, and for each the blocks to copy, made of base URL, key and model. Used by the first run, by `/me` and
by the public pages; the words around the blocks are texts (`clients.NAME.*`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """What a block is made of. `base_url` has no `/v1` at its end."""

    base_url: str
    key: str
    model: str


@dataclass(frozen=True, slots=True)
class Block:
    """Something to copy. `where` is a file, or `shell`, or the name of a settings page."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Client:
    """A program. `name` is its word in the texts and in addresses, `title` what it is called."""

    name: str
    title: str
    blocks: Callable[[Place], tuple[Block, ...]]


def _curl(place: Place) -> tuple[Block, ...]:
    body = {"model": place.model, "max_tokens": 200, "stream": True, "messages": [{"role": "user", "content": "Say hello"}]}
    return (
        Block(
            "shell",
            f"curl -N {place.base_url}/v1/messages \\\n  -H 'x-api-key: {place.key}' \\\n"
            "  -H 'anthropic-version: 2023-06-01' \\\n"
            f"  -H 'content-type: application/json' \\\n  -d '{json.dumps(body)}'",
        ),
    )


def _claude_code(place: Place) -> tuple[Block, ...]:
    env = {"ANTHROPIC_BASE_URL": place.base_url, "ANTHROPIC_AUTH_TOKEN": place.key, "ANTHROPIC_API_KEY": ""}
    return (
        Block("~/.claude/settings.json", json.dumps({"env": env}, indent=2)),
        Block("shell", "\n".join([*(f"export {name}='{value}'" for name, value in env.items()), "claude"])),
    )


def _codex(place: Place) -> tuple[Block, ...]:
    return (
        Block(
            "~/.codex/config.toml",
            f'model = "{place.model}"\nmodel_provider = "sluice"\n\n[model_providers.sluice]\nname = "Sluice"\n'
            f'base_url = "{place.base_url}/v1"\nenv_key = "SLUICE_KEY"\nwire_api = "responses"',
        ),
        Block("shell", f"export SLUICE_KEY='{place.key}'\ncodex"),
    )


def _cursor(place: Place) -> tuple[Block, ...]:
    return (
        Block(
            "Cursor Settings > Models", f"OpenAI API Key            {place.key}\nOverride OpenAI Base URL  {place.base_url}/v1"
        ),
    )


def _zed(place: Place) -> tuple[Block, ...]:
    models = [{"name": place.model, "display_name": place.model, "max_tokens": 200000}]
    settings = {
        "language_models": {"openai_compatible": {"Sluice": {"api_url": f"{place.base_url}/v1", "available_models": models}}}
    }
    return (
        Block("~/.config/zed/settings.json", json.dumps(settings, indent=2)),
        Block("shell", f"export SLUICE_API_KEY='{place.key}'\nzed"),
    )


def _aider(place: Place) -> tuple[Block, ...]:
    return (
        Block(
            "shell",
            f"export OPENAI_API_BASE='{place.base_url}/v1'\nexport OPENAI_API_KEY='{place.key}'\n"
            f"aider --model openai/{place.model}",
        ),
    )


def _cline(place: Place) -> tuple[Block, ...]:
    return (
        Block(
            "Cline > Settings > API Provider: Anthropic",
            f"Anthropic API Key    {place.key}\nUse custom base URL  {place.base_url}\nModel                {place.model}",
        ),
    )


def _python(place: Place) -> tuple[Block, ...]:
    return (
        Block("shell", "pip install anthropic"),
        Block(
            "hello.py",
            f'from anthropic import Anthropic\n\nclient = Anthropic(base_url="{place.base_url}", api_key="{place.key}")\n'
            f'message = client.messages.create(\n    model="{place.model}",\n    max_tokens=200,\n'
            '    messages=[{"role": "user", "content": "Say hello"}],\n)\nprint(message.content[0].text)',
        ),
    )


def _typescript(place: Place) -> tuple[Block, ...]:
    return (
        Block("shell", "npm install @anthropic-ai/sdk"),
        Block(
            "hello.mjs",
            'import Anthropic from "@anthropic-ai/sdk";\n\n'
            f'const client = new Anthropic({{ baseURL: "{place.base_url}", apiKey: "{place.key}" }});\n'
            f'const message = await client.messages.create({{\n  model: "{place.model}",\n  max_tokens: 200,\n'
            '  messages: [{ role: "user", content: "Say hello" }],\n});\nconsole.log(message.content[0].text);',
        ),
    )


def _openai(place: Place) -> tuple[Block, ...]:
    return (
        Block("shell", "pip install openai"),
        Block(
            "hello.py",
            f'from openai import OpenAI\n\nclient = OpenAI(base_url="{place.base_url}/v1", api_key="{place.key}")\n'
            f'answer = client.chat.completions.create(\n    model="{place.model}",\n'
            '    messages=[{"role": "user", "content": "Say hello"}],\n)\nprint(answer.choices[0].message.content)',
        ),
    )


def agent_prompt(place: Place) -> tuple[Block, ...]:
    """What to give a coding agent, so that it sets up whatever it works on. The key is in the shell's block alone: a prompt is
    read by a model and kept in a log."""
    return (
        Block("shell", f"export SLUICE_KEY='{place.key}'"),
        Block(
            "prompt",
            "Make this project call its language models through my gateway instead of the provider.\n\n"
            f"- Anthropic clients: base URL {place.base_url} (no /v1 at its end).\n"
            f"- OpenAI clients: base URL {place.base_url}/v1; Chat Completions and Responses both work.\n"
            "- The key is in the environment variable SLUICE_KEY, for either kind of client. Read it from there; never print it, "
            "and write it into no file.\n"
            f"- Model names stay as they are. To try one, use {place.model}.\n"
            "- Change configuration and environment only, not how the models are called.\n\n"
            "First check that the gateway answers:\n"
            f'curl -sS {place.base_url}/v1/models -H "x-api-key: $SLUICE_KEY"\n'
            "A list of models means that address and key are right; 401 means the key is wrong, 404 that the address is.\n"
            "Then make the change, call one model through it, and show me the answer and the files you changed.",
        ),
    )


CLIENTS: tuple[Client, ...] = (
    Client("curl", "curl", _curl),
    Client("claude-code", "Claude Code", _claude_code),
    Client("codex", "Codex CLI", _codex),
    Client("cursor", "Cursor", _cursor),
    Client("zed", "Zed", _zed),
    Client("aider", "aider", _aider),
    Client("cline", "Cline", _cline),
    Client("python", "Python", _python),
    Client("typescript", "TypeScript", _typescript),
    Client("openai", "OpenAI SDK", _openai),
)
