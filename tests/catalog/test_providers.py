"""Providers: base URLs in every spelling, keys that never show, mistakes with a place and without a secret."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.settings
from gateway.catalog import providers
from gateway.catalog.document import Document
from gateway.catalog.providers import Origin, Secret, read_credentials, read_origin
from gateway.settings import key_variables

ROW = """[[provider]]
name = "main"
dialect = "anthropic"
base_url = "https://api.example.com"
base_url_env = "MAIN_URL"
keys_env = "MAIN_KEY"
"""


def read(text: str, **environ: str) -> tuple[tuple[providers.Provider, ...], list[str]]:
    document = Document("providers.toml", text)
    found = providers.read(document, environ)
    document.root.close()
    return found, document.problems


@pytest.mark.parametrize("form", [str, repr, "{}".format, "{!r:>20}".format, lambda secret: f"{[secret]}"])
def test_a_secret_shows_itself_to_nobody(form: object) -> None:
    assert callable(form)
    assert "canary" not in form(Secret("canary"))
    assert "<Secret>" in form(Secret("canary"))


def test_a_secret_can_be_revealed_compared_and_sent_to_a_worker() -> None:
    assert pickle.loads(pickle.dumps(Secret("a"))).reveal() == "a"
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://api.anthropic.com", Origin("https", "api.anthropic.com", 443), "api.anthropic.com"),
        ("https://api.anthropic.com/", Origin("https", "api.anthropic.com", 443), "api.anthropic.com"),
        ("https://API.anthropic.com/v1", Origin("https", "api.anthropic.com", 443), "api.anthropic.com"),
        ("https://api.anthropic.com/v1/", Origin("https", "api.anthropic.com", 443), "api.anthropic.com"),
        ("http://127.0.0.1:9000", Origin("http", "127.0.0.1", 9000), "127.0.0.1:9000"),
        ("http://127.0.0.1:80", Origin("http", "127.0.0.1", 80), "127.0.0.1"),
        ("http://[::1]:9000/anthropic/v1", Origin("http", "[::1]", 9000, "/anthropic"), "[::1]:9000"),
        ("http://[::1]", Origin("http", "[::1]", 80), "[::1]"),
        ("https://h/deep/path/", Origin("https", "h", 443, "/deep/path"), "h"),
        ("https://h:/v1", Origin("https", "h", 443), "h"),
        ("HTTPS://h", Origin("https", "h", 443), "h"),
        ("unix:/run/up.sock", Origin("http", "localhost", 0, uds=Path("/run/up.sock")), "localhost"),
        ("unix:///run/up.sock", Origin("http", "localhost", 0, uds=Path("/run/up.sock")), "localhost"),
    ],
)
def test_base_urls(url: str, origin: Origin, authority: str) -> None:
    assert read_origin(url, "anthropic") == origin
    assert origin.authority == authority


def test_the_version_in_the_path_belongs_to_openai() -> None:
    assert read_origin("https://api.openai.com/v1/", "openai_chat").base_path == "/v1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.anthropic.com",
        "ftp://h",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://canary:canary@h",
        "https://canary@h",
        "https://h?canary=1",
        "https://h/?",
        "https://h/#canary",
        "https://h:port",
        "https://h:0",
        "https://h:99999",
        "https://[::1",
        "https://h\\@canary",
        "https://h /v1",
        "https://h\n",
        "https://h\u00e9",
        "https://h/a/../b",
        "https://h/%2e%2e/b",
        "https://h//b",
        "unix:relative.sock",
        "unix:",
    ],
)
def test_refused_base_urls_are_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|must|a Unix)") as raised:
        read_origin(url, "anthropic")
    assert "canary" not in str(raised.value)


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: "https://" + text))
def test_any_text_is_an_origin_or_a_refusal(url: str) -> None:
    try:
        origin = read_origin(url, "anthropic")
    except ValueError:
        return
    assert origin.host
    assert not origin.base_path.endswith("/")
    assert "@" not in origin.authority
    assert origin.uds is not None or 1 <= origin.port <= 65535


def test_credentials_are_trimmed_and_counted_once() -> None:
    problems: list[str] = []
    found = read_credentials("KEY", " sk-a , ,sk-b,sk-a,,\tsk-c\n", problems)
    assert [secret.reveal() for secret in found] == ["sk-a", "sk-b", "sk-c"]
    assert problems == []


@pytest.mark.parametrize("value", ["", " ", ",", " , ,"])
def test_no_credential_is_none(value: str) -> None:
    assert read_credentials("KEY", value, []) == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("sk-ant-oat01-canary", "KEY: key 1 is a subscription OAuth token"),
        ("sk-a,sk-ant-oat01-canary", "KEY: key 2 is a subscription OAuth token"),
        ("sk canary", "KEY: key 1 has characters that cannot travel in a header"),
        ("sk-canary\u00e9", "KEY: key 1 has characters"),
        ("sk-\x00canary", "KEY: key 1 has characters"),
    ],
)
def test_refused_credentials_are_not_repeated(value: str, reason: str) -> None:
    problems: list[str] = []
    read_credentials("KEY", value, problems)
    assert len(problems) == 1
    assert problems[0].startswith(reason)
    assert "canary" not in problems[0]


def test_a_provider_and_its_keys() -> None:
    (found,), problems = read(ROW)
    assert (found.name, found.credentials, problems) == ("main", (), [])
    (found,), problems = read(ROW, MAIN_KEY="sk-a,sk-b")
    assert problems == []
    assert found.origin.host == "api.example.com"
    assert [secret.reveal() for secret in found.credentials] == ["sk-a", "sk-b"]
    assert "sk-a" not in repr(found)


def test_the_variable_wins_over_the_file() -> None:
    (found,), problems = read(ROW, MAIN_KEY="sk-a", MAIN_URL=" http://127.0.0.1:7/v1/ ")
    assert problems == []
    assert found.origin == Origin("http", "127.0.0.1", 7)


def test_headers_are_added_in_lower_case() -> None:
    (found,), problems = read(ROW + '[provider.headers]\nX-Organisation = "us"\n', MAIN_KEY="k")
    assert (found.headers, problems) == ((("x-organisation", "us"),), [])


def test_an_upstream_that_asks_for_no_key_is_there_once_its_address_is_set() -> None:
    row = ROW + "keyless = true\n"
    assert read(row)[0][0].credentials == ()
    (found,), problems = read(row, MAIN_URL="http://127.0.0.1:11434")
    assert ([secret.reveal() for secret in found.credentials], problems) == ([""], [])
    (found,), _ = read(row, MAIN_URL="http://127.0.0.1:11434", MAIN_KEY="sk-a")
    assert [secret.reveal() for secret in found.credentials] == ["sk-a"]
    assert read(ROW, MAIN_URL="http://127.0.0.1:11434")[0][0].credentials == ()


def test_what_a_row_may_say() -> None:
    (found,), problems = read(
        ROW.replace('"anthropic"', '"openai_chat"')
        + 'also_speaks = "openai_responses"\nmodels = ["gpt-*", "o3"]\ndefault = true\nconcurrency_max = 7\ntest_path = "/key"\n'
        + "[provider.profile]\ntop_k = true\n[[provider.variant]]\nmodels = 'o3'\ntop_k = false\n"
    )
    assert problems == []
    assert found.dialects == ("openai_chat", "openai_responses")
    assert (found.models, found.is_default, found.concurrency_max, found.test_path) == (("gpt-*", "o3"), True, 7, "/key")
    assert (found.profile_of("gpt-5").top_k, found.profile_of("o3").top_k) == (True, False)
    assert len({found, found}) == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("models = ['a*b']", "7: `models` must hold names; each must be a name, which may end in one `*`"),
        ("also_speaks = ['french']", "7: `also_speaks` must be some of anthropic, openai_chat, openai_responses"),
        ("default = 1", "7: `default` must be true or false"),
        ("concurrency_max = -1", "7: `concurrency_max` must be from 0 to 1000000, not -1"),
        ("test_path = 'https://canary'", "7: `test_path` must be a path that begins with `/`"),
        ("keyless = 'yes'", "7: `keyless` must be true or false"),
        ("profile = 1", "7: `profile` must be a table"),
    ],
)
def test_mistakes_of_a_row(line: str, problem: str) -> None:
    assert read(f"{ROW}{line}\n")[1] == [f"providers.toml:{problem}"]


def test_two_defaults_are_a_mistake() -> None:
    second = ROW.replace('"main"', '"second"')
    assert read(f"{ROW}default = true\n{second}default = true\n")[1] == ["providers.toml:14: there is a default provider already"]
    assert read(f"{ROW}default = true\n{second}default = false\n")[1] == []


def test_every_preset_can_be_used() -> None:
    document = Document("providers.toml", (gateway.settings.DEFAULTS / "providers.toml").read_text("utf-8"))
    variables = key_variables(None, {})
    found = providers.read(document, dict.fromkeys(variables.values(), "sk-a"))
    document.root.close()
    assert document.problems == []
    names = "anthropic openai deepseek qwen moonshot glm cerebras openrouter ollama vllm"
    assert [one.name for one in found if one.credentials] == names.split()
    assert [one.name for one in providers.read(document, {})] == names.split()


def test_mistakes_are_reported_with_their_places_and_without_secrets() -> None:
    headers = '[provider.headers]\n"X-Api-Key" = "canary"\n"bad name" = "x"\nsplit = "a\\nb"\n'
    bad = '[[provider]]\nname = "Main!"\ndialect = "french"\nbase_url = "https://canary@h"\nkeys_env = "1X"\nkey = "canary"\n'
    _, problems = read(ROW + headers + ROW + bad, MAIN_KEY="k", MAIN_URL="https://u:canary@h")
    assert problems == [
        "MAIN_URL: must not hold a user name or password",
        "providers.toml:8: `X-Api-Key` is set by the gateway itself",
        "providers.toml:9: `bad name` is not a header that can be sent",
        "providers.toml:10: `split` is not a header that can be sent",
        "MAIN_URL: must not hold a user name or password",
        "providers.toml:12: `main` stands here twice",
        "providers.toml:18: `name` must be 1 to 16 lower-case letters, digits, `-` or `_`",
        "providers.toml:19: `dialect` must be one of anthropic, openai_chat, openai_responses",
        "providers.toml:20: `base_url` must not hold a user name or password",
        "providers.toml:21: `keys_env` must be the name of an environment variable",
        "providers.toml:22: unknown key `key`, did you mean `keyless`?",
    ]


def test_the_simulators_name_is_taken() -> None:
    assert read(ROW.replace('"main"', '"simulator"'))[1] == ["providers.toml:2: `simulator` is the name of the built-in upstream"]


def test_the_simulator_is_an_anthropic_provider_on_a_socket() -> None:
    found = providers.simulator(Path("/d/run/simulator.sock"))
    assert (found.dialect, found.origin.uds, len(found.credentials)) == ("anthropic", Path("/d/run/simulator.sock"), 1)
