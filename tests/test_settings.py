"""Settings: sources in their order, all mistakes at once, every key documented."""

import dataclasses
import os
import pickle
import re
import tomllib
from pathlib import Path

import pytest

from gateway.settings import DEFAULTS, FILES, SOCKET_PATH_BYTES_MAX, Paths, Secret, Settings, SettingsError, load, load_again

# The fields that are whole files of their own.
OF_FILES = {
    "providers": "providers.toml",
    "catalogue": "models.toml",
    "aliases": "models.toml",
    "routing": "models.toml",
    "prices": "prices.toml",
    "plans": "plans.toml",
    "site": "site.toml",
}
NOT_WRITTEN = {"source", "admin_password", "admin_password_file"}  # not choices that a file could hold


def test_the_first_owners_password_comes_from_the_environment_and_shows_itself_to_nobody() -> None:
    settings = load(None, {"GATEWAY_ADMIN_PASSWORD": "canary-password", "GATEWAY_ADMIN_PASSWORD_FILE": "/run/secrets/x"})
    assert (settings.admin_password, settings.admin_password_file) == (Secret("canary-password"), "/run/secrets/x")
    assert "canary" not in repr(settings)
    assert load(None, {"GATEWAY_ADMIN_PASSWORD": ""}).admin_password is None


def problems_of(config_dir: Path | None, environ: dict[str, str] | None = None, **overrides: object) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(config_dir, environ or {}, **overrides)
    return list(raised.value.problems)


def test_shipped_defaults() -> None:
    settings = load(None, {})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, len(os.sched_getaffinity(0)))
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.body_max_bytes == 32 * 1024 * 1024
    assert (settings.connect_timeout_s, settings.head_timeout_s, settings.idle_timeout_s) == (10.0, 600.0, 300.0)
    assert settings.metrics_token is None
    assert settings.simulated
    assert settings.providers[0].origin.uds == settings.paths.simulator_sock
    assert settings.routes.plan("m")[0].provider.name == "simulator"


def test_every_field_stands_with_a_comment_in_the_shipped_files_and_nothing_else_does() -> None:
    text = (DEFAULTS / "gateway.toml").read_text("utf-8")
    fields = {field.name for field in dataclasses.fields(Settings)} - NOT_WRITTEN
    assert set(tomllib.loads(text)) == fields - set(OF_FILES)
    commented = re.findall(r"^#.+\n([a-z_0-9]+) = ", text, re.MULTILINE)
    assert sorted(commented) == sorted(fields - set(OF_FILES))


def keys_inside(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_inside(inner)}
    return {key for inner in value for key in keys_inside(inner)} if isinstance(value, list) else set()


@pytest.mark.parametrize("file", sorted(set(OF_FILES.values())))
def test_every_key_of_the_other_files_is_explained_at_the_top_of_them(file: str) -> None:
    text = (DEFAULTS / file).read_text("utf-8")
    end = text.find("\n[[")
    explained = text[:end] if end > 0 else text.partition("\n\n")[0]
    for key in keys_inside(tomllib.loads(text)):
        assert re.search(rf"^(# )?\[*[\w.]*\b{key}\b", explained, re.MULTILINE), key


def test_the_shipped_files_are_all_there_and_are_those_of_the_config_folder() -> None:
    assert sorted(path.name for path in DEFAULTS.glob("*.toml")) == sorted(FILES)
    assert (Path(__file__).parent.parent / "config").resolve() == DEFAULTS.resolve()


def test_the_order_of_sources(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('port = 1\nhost = "0.0.0.0"\ndata_dir = "/file"\nworkers = 3\n')
    found = load(tmp_path, {"GATEWAY_DATA_DIR": "/variable"}, port=2, workers=None)
    assert (found.port, found.host, found.data_dir, found.workers) == (2, "0.0.0.0", Path("/variable"), 3)
    assert load(tmp_path, {"GATEWAY_DATA_DIR": "/variable"}, data_dir=Path("/option")).data_dir == Path("/option")
    assert load(tmp_path, {"GATEWAY_DATA_DIR": ""}).data_dir == Path("/file")
    assert load(None, {"GATEWAY_CONFIG": str(tmp_path)}).port == 1
    other = tmp_path / "other"
    other.mkdir()
    assert load(other, {"GATEWAY_CONFIG": str(tmp_path)}).port == 8080


def test_a_file_of_the_operator_replaces_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text('[aliases]\n"fast" = "claude-haiku-5-5"\n')
    settings = load(tmp_path, {})
    assert settings.aliases.resolve("fast") == "claude-haiku-5-5"
    assert len(settings.catalogue) == 0
    assert settings.prices.version == load(None, {}).prices.version


def test_keys_in_the_environment_switch_the_simulator_off() -> None:
    settings = load(None, {"ANTHROPIC_API_KEY": " sk-a, sk-b,", "ANTHROPIC_UPSTREAM_URL": "http://127.0.0.1:9/v1/"})
    assert not settings.simulated
    (provider,) = settings.providers
    assert (provider.name, provider.dialect, len(provider.credentials)) == ("anthropic", "anthropic", 2)
    assert (provider.origin.port, provider.origin.base_path) == (9, "")


def test_every_upstream_with_a_key_is_used() -> None:
    both = load(None, {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "b"})
    assert [provider.name for provider in both.providers] == ["anthropic", "openai"]
    assert both.routes.plan("gpt-5")[0].provider.name == "openai"
    assert both.routes.plan("something-else")[0].provider.name == "anthropic"


def test_with_an_openai_key_alone_every_name_goes_there_unchanged() -> None:
    alone = load(None, {"OPENAI_API_KEY": "b"})
    assert not alone.simulated
    for name in ("gpt-5", "claude-opus-4-8", "something-else"):
        (target,) = alone.routes.plan(name)
        assert (target.provider.name, target.model_served) == ("openai", name)


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('# comment\nprot = 1\nport = 70000\nhost = 5\nlog_format = "xml"\n')
    (tmp_path / "prices.toml").write_text("[[price]\n")
    (tmp_path / "models.toml").write_bytes(b"\xff")
    (tmp_path / "modles.toml").write_text("")
    found = problems_of(tmp_path, {"ANTHROPIC_API_KEY": "sk-ant-oat01-canary"}, workers=33, nonsense=1)
    assert sorted(found) == sorted(
        [
            f"{tmp_path}/modles.toml:1: unknown file, expected "
            "gateway.toml, providers.toml, models.toml, prices.toml, plans.toml, site.toml",
            "--workers: `workers` must be from 0 to 32, not 33",
            "--nonsense: unknown key `nonsense`",
            f"{tmp_path}/gateway.toml:3: `port` must be from 1 to 65535, not 70000",
            f"{tmp_path}/gateway.toml:4: `host` must be a string",
            f"{tmp_path}/gateway.toml:5: `log_format` must be one of json, text",
            f"{tmp_path}/gateway.toml:2: unknown key `prot`, did you mean `port`?",
            next(line for line in found if line.startswith("ANTHROPIC_API_KEY: key 1 is a subscription OAuth token")),
            f"{tmp_path}/models.toml:1: is not UTF-8 text",
            next(line for line in found if line.startswith(f"{tmp_path}/prices.toml:1: ")),
        ]
    )
    assert "canary" not in "".join(found)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("body_timeout_s = 0", "`body_timeout_s` must be from 0.1 to 86400, not 0"),
        ("body_timeout_s = inf", "`body_timeout_s` must be from 0.1 to 86400, not inf"),
        ("body_max_bytes = 3.5", "`body_max_bytes` must be a whole number"),
        ("workers = -1", "`workers` must be from 0 to 32, not -1"),
        ("idle_timeout_s = true", "`idle_timeout_s` must be a number"),
        ("[upstream]", "unknown key `upstream`"),
    ],
)
def test_values_out_of_place(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "gateway.toml").write_text(f"\n{line}\n")
    assert problems_of(tmp_path) == [f"{tmp_path}/gateway.toml:2: {problem}"]


def test_settings_can_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("body_timeout_s = 7\n")
    first = load(tmp_path, {}, port=9, workers=None, data_dir=tmp_path / "d")
    assert load_again(first, {}).body_timeout_s == 7
    (tmp_path / "gateway.toml").write_text("body_timeout_s = 8\nport = 10\n")
    again = load_again(first, {})
    assert (again.body_timeout_s, again.port, again.data_dir) == (8.0, 9, tmp_path / "d")
    (tmp_path / "gateway.toml").write_text("body_timeout_s = 'x'\n")
    with pytest.raises(SettingsError):
        load_again(first, {})


def test_a_config_directory_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert problems_of(missing) == [f"{missing}: is not a directory"]


def test_a_data_directory_whose_sockets_would_not_fit_is_refused() -> None:
    # The longest socket path a kernel takes works; one byte more does not.
    room = SOCKET_PATH_BYTES_MAX - len("/run/simulator.sock")
    load(None, {}, data_dir="/" + "d" * (room - 1))
    (problem,) = problems_of(None, data_dir="/" + "d" * room)
    assert problem == "--data-dir: the path is 1 bytes too long for the sockets inside it"


def test_settings_travel_to_workers_without_showing_a_secret(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('metrics_token = "canary-token"\n')
    settings = load(tmp_path, {"ANTHROPIC_API_KEY": "sk-canary"})
    assert "canary" not in repr(settings)
    again: Settings = pickle.loads(pickle.dumps(settings))
    assert again.metrics_token == Secret("canary-token")
    assert again.providers == settings.providers
    assert again.prices.version == settings.prices.version
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


def test_everything_that_lasts_is_inside_the_data_directory() -> None:
    paths = Paths(Path("/d"))
    names = [name for name, value in vars(Paths).items() if isinstance(value, property)]
    assert {str(getattr(paths, name)) for name in names} == {
        "/d/gateway.db",
        "/d/shared.map",
        "/d/pepper",
        "/d/run",
        "/d/run/control.sock",
        "/d/run/admin.sock",
        "/d/run/internal.sock",
        "/d/run/simulator.sock",
        "/d/run/control.lock",
        "/d/run/supervisor.lock",
    }


@pytest.mark.parametrize("address", [
    "https://ai.example.com", "https://example.com/ai/", "http://127.0.0.1:8080", "https://[2001:db8::1]:8443/a/b", "",
])  # fmt: skip
def test_the_public_address(address: str) -> None:
    assert load(None, {}, public_url=address).public_url == address.rstrip("/")


@pytest.mark.parametrize("address", [
    "example.com", "ftp://example.com", "https://", "https://user@example.com", "https://example.com/a?b",
    "https://example.com/a b", "https://example.com//a", "https://example.com/<a>", "javascript:alert(1)",
])  # fmt: skip
def test_what_is_no_public_address(address: str) -> None:
    [problem] = problems_of(None, public_url=address)
    assert "public" in problem
    assert "must be an address" in problem
