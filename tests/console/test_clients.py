import json
import tomllib

from gateway.console.clients import CLIENTS, Place, agent_prompt

PLACE = Place("http://127.0.0.1:8080", "sk-ant-api03-x", "claude-sonnet-5")
BLOCKS = {client.name: {block.where: block.text for block in client.blocks(PLACE)} for client in CLIENTS}


def test_every_client_has_address_and_key() -> None:
    for name, blocks in BLOCKS.items():
        said = "\n".join(blocks.values())
        assert PLACE.base_url in said, name
        assert PLACE.key in said, name
    assert len(BLOCKS) == len(CLIENTS)


def test_a_coding_agent_is_told_everything_but_the_key() -> None:
    shell, prompt = agent_prompt(PLACE)
    assert PLACE.key in shell.text
    assert PLACE.key not in prompt.text
    for said in (f"{PLACE.base_url} (no /v1", f"{PLACE.base_url}/v1;", "SLUICE_KEY", PLACE.model, "/v1/models"):
        assert said in prompt.text, said


def test_files_can_be_read_by_the_programs_they_are_for() -> None:
    env = json.loads(BLOCKS["claude-code"]["~/.claude/settings.json"])["env"]
    assert env == {"ANTHROPIC_BASE_URL": PLACE.base_url, "ANTHROPIC_AUTH_TOKEN": PLACE.key, "ANTHROPIC_API_KEY": ""}
    codex = tomllib.loads(BLOCKS["codex"]["~/.codex/config.toml"])
    provider = codex["model_providers"][codex["model_provider"]]
    assert (provider["base_url"], provider["wire_api"]) == (f"{PLACE.base_url}/v1", "responses")
    assert f"export {provider['env_key']}=" in BLOCKS["codex"]["shell"]
    zed = json.loads(BLOCKS["zed"]["~/.config/zed/settings.json"])["language_models"]["openai_compatible"]["Sluice"]
    assert zed["api_url"].endswith("/v1")
    assert PLACE.key not in json.dumps(zed)  # Zed keeps keys elsewhere
    compile(BLOCKS["python"]["hello.py"], "hello.py", "exec")
    compile(BLOCKS["openai"]["hello.py"], "hello.py", "exec")
