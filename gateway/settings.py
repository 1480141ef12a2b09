"""Settings: everything an operator can choose, read once and frozen.

Owns the sources and their order: options of the command line, then environment variables, then the operator's directory
(`--config` or GATEWAY_CONFIG), then the shipped files. Knows nothing of what the parts of the gateway do with a value.

The shipped files in `config/` are the only place where a default is written. `gateway/defaults` is a link to that folder, so a
source checkout and an installed package (which carries the linked files) find them the same way. A `gateway.toml` of the
operator may hold just the keys to change; any other file of his replaces the shipped one. Every mistake of all files is
reported at once.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.catalog import aliases, models, plans, prices, providers, routes, site
from gateway.catalog.aliases import Aliases
from gateway.catalog.document import Document, SettingsError, Table
from gateway.catalog.models import Catalogue
from gateway.catalog.plans import Plans
from gateway.catalog.prices import PriceList
from gateway.catalog.providers import Origin, Provider, Secret
from gateway.catalog.routes import Routes, Rows
from gateway.catalog.site import Site

__all__ = ["Origin", "Paths", "Provider", "Secret", "Settings", "SettingsError", "key_variables", "load"]

FILES = ("gateway.toml", "providers.toml", "models.toml", "prices.toml", "plans.toml", "site.toml")
DEFAULTS = Path(__file__).parent / "defaults"
WORKERS_MAX = 32  # slots in the shared file
_PUBLIC_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
LOG_FORMATS = ("json", "text")
WORKER_CORES = ("own", "any")
# A Unix socket's path must fit into 108 bytes with its closing zero (unix(7)).
SOCKET_PATH_BYTES_MAX = 107
DAY_S = 86400.0
# What the running processes have taken for good: sockets, places in the shared file, the directory itself.
FIXED = ("host", "port", "workers", "worker_cores", "data_dir")


@dataclass(frozen=True, slots=True)
class Paths:
    """Where everything that lasts lies, all of it inside one directory."""

    data_dir: Path

    @property
    def gateway_db(self) -> Path:
        return self.data_dir / "gateway.db"

    @property
    def shared_map(self) -> Path:
        return self.data_dir / "shared.map"

    @property
    def pepper(self) -> Path:
        return self.data_dir / "pepper"

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def control_sock(self) -> Path:
        return self.run_dir / "control.sock"

    @property
    def admin_sock(self) -> Path:
        return self.run_dir / "admin.sock"

    @property
    def internal_sock(self) -> Path:
        return self.run_dir / "internal.sock"

    @property
    def simulator_sock(self) -> Path:
        return self.run_dir / "simulator.sock"

    @property
    def control_lock(self) -> Path:
        return self.run_dir / "control.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.run_dir / "supervisor.lock"


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings were read from, so that they can be read again: the operator's directory and the options that were given."""

    config_dir: Path | None
    overrides: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """All choices. What each means stands beside its default in `config/gateway.toml`; the last eight are the other files, and
    where all of it came from; `admin_password` and its file come from the environment alone."""

    host: str
    port: int
    workers: int
    worker_cores: str
    data_dir: Path
    body_max_bytes: int
    body_timeout_s: float
    connect_timeout_s: float
    head_timeout_s: float
    idle_timeout_s: float
    call_limit_s: float
    connections_per_upstream_max: int
    idle_connection_s: float
    drain_timeout_s: float
    log_format: str
    metrics_token: Secret | None
    admin_password: Secret | None
    admin_password_file: str
    public_url: str
    proxies: int
    providers: tuple[Provider, ...]
    catalogue: Catalogue
    aliases: Aliases
    routing: Rows
    prices: PriceList
    plans: Plans
    site: Site
    source: Source

    @property
    def paths(self) -> Paths:
        return Paths(self.data_dir)

    @property
    def routes(self) -> Routes:
        return Routes(self.providers, self.aliases, self.catalogue, self.routing)

    def weight(self, model: str) -> int:
        """What a message to a model counts for, in thousandths of a Sonnet message."""
        return self.plans.weight(self.catalogue.line(model))

    @property
    def simulated(self) -> bool:
        """Whether the built-in simulator answers because no upstream key is set."""
        return any(provider.name == providers.SIMULATOR for provider in self.providers)


class Options(Document):
    """Values from the command line and the environment, read with the same care as a file; complaints name the option."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__("command line", "")
        self.root = Table(self, (), {key: str(value) if isinstance(value, Path) else value for key, value in values.items()})

    def report(self, path: tuple[str | int, ...], what: str) -> None:
        self.problems.append(f"--{str(path[0]).replace('_', '-')}: {what}")


class Layers:
    """The sources of one file's keys, the strongest first; the last one has them all."""

    def __init__(self, *tables: Table) -> None:
        self._tables = tables

    def __call__(self, key: str) -> Table:
        """The table whose value of `key` counts."""
        for table in self._tables:
            table.expect(key)
        return next((table for table in self._tables if key in table), self._tables[-1])

    def close(self) -> None:
        for table in self._tables:
            table.close()


def load(config_dir: Path | None, environ: Mapping[str, str], **overrides: object) -> Settings:
    """The settings of one run. `overrides` are command line options by field name; one that is None was not given.

    Raises SettingsError with all problems found.
    """
    if config_dir is None and environ.get("GATEWAY_CONFIG"):
        config_dir = Path(environ["GATEWAY_CONFIG"])
    given = {"data_dir": environ["GATEWAY_DATA_DIR"]} if environ.get("GATEWAY_DATA_DIR") else {}
    options = Options(given | {name: value for name, value in overrides.items() if value is not None})
    shipped = Document("config/gateway.toml", (DEFAULTS / "gateway.toml").read_text("utf-8"))
    gateway, upstreams, names, costs, offers, about = (_document(config_dir, file) for file in FILES)
    layers = Layers(options.root, gateway.root, shipped.root)
    data_dir = _data_dir(layers)
    token, password = layers("metrics_token").text("metrics_token"), environ.get("GATEWAY_ADMIN_PASSWORD", "")
    declared = providers.read(upstreams, environ)
    usable = tuple(one for one in declared if one.credentials)
    settings = Settings(
        host=layers("host").text("host"),
        port=layers("port").whole("port", 1, 65535),
        workers=layers("workers").whole("workers", 0, WORKERS_MAX) or min(len(os.sched_getaffinity(0)), WORKERS_MAX),
        worker_cores=layers("worker_cores").choice("worker_cores", WORKER_CORES),
        data_dir=data_dir,
        body_max_bytes=layers("body_max_bytes").whole("body_max_bytes", 1024, 1 << 30),
        body_timeout_s=layers("body_timeout_s").number("body_timeout_s", 0.1, DAY_S),
        connect_timeout_s=layers("connect_timeout_s").number("connect_timeout_s", 0.1, DAY_S),
        head_timeout_s=layers("head_timeout_s").number("head_timeout_s", 0.1, DAY_S),
        idle_timeout_s=layers("idle_timeout_s").number("idle_timeout_s", 0.1, DAY_S),
        call_limit_s=layers("call_limit_s").number("call_limit_s", 1.0, DAY_S),
        connections_per_upstream_max=layers("connections_per_upstream_max").whole("connections_per_upstream_max", 1, 65535),
        idle_connection_s=layers("idle_connection_s").number("idle_connection_s", 0.0, DAY_S),
        drain_timeout_s=layers("drain_timeout_s").number("drain_timeout_s", 0.0, DAY_S),
        log_format=layers("log_format").choice("log_format", LOG_FORMATS),
        metrics_token=Secret(token) if token else None,
        admin_password=Secret(password) if password else None,
        admin_password_file=environ.get("GATEWAY_ADMIN_PASSWORD_FILE", ""),
        public_url=_public_url(layers("public_url")),
        proxies=layers("proxies").whole("proxies", 0, 10),
        providers=usable or (providers.simulator(Paths(data_dir).simulator_sock),),
        catalogue=models.read(names),
        aliases=aliases.read(names),
        routing=routes.read(names, {one.name for one in declared}),
        prices=prices.read(costs),
        plans=plans.read(offers),
        site=site.read(about),
        source=Source(config_dir, tuple(overrides.items())),
    )
    layers.close()
    for document in (upstreams, names, costs, offers, about):
        document.root.close()
    problems = _strangers(config_dir)
    for document in (options, shipped, gateway, upstreams, names, costs, offers, about):
        problems += document.problems
    if problems:
        raise SettingsError(problems)
    return settings


def load_again(present: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings as the same files and options say now. Raises SettingsError."""
    return load(present.source.config_dir, environ, **dict(present.source.overrides))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A setting that a running gateway cannot change: what is in force, and what the files say now."""

    name: str
    present: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.name} was {self.present} at start and is now {self.wanted}: that needs a restart"


def waiting(old: Settings, new: Settings) -> list[Waiting]:
    """The settings that differ and wait for a restart."""
    values = [(name, getattr(old, name), getattr(new, name)) for name in FIXED]
    return [Waiting(name, str(present), str(wanted)) for name, present, wanted in values if present != wanted]


def taken_over(old: Settings, new: Settings) -> Settings:
    """The new settings, but for what a running gateway cannot change."""
    return replace(new, **{name: getattr(old, name) for name in FIXED})


def load_plans(config_dir: Path | None, environ: Mapping[str, str]) -> Plans:
    """What `plans.toml` says, alone: for commands that work while nothing serves. Raises SettingsError."""
    if config_dir is None and environ.get("GATEWAY_CONFIG"):
        config_dir = Path(environ["GATEWAY_CONFIG"])
    document = _document(config_dir, "plans.toml")
    offers = plans.read(document)
    document.root.close()
    if document.problems:
        raise SettingsError(document.problems)
    return offers


def key_variables(config_dir: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Provider -> the environment variable that holds its keys, whether it is set or not. For settings that `load` has taken."""
    if config_dir is None and environ.get("GATEWAY_CONFIG"):
        config_dir = Path(environ["GATEWAY_CONFIG"])
    rows = _document(config_dir, "providers.toml").root.tables("provider")
    return {row.text("name"): row.text("keys_env") for row in rows}


def _data_dir(layers: Layers) -> Path:
    table = layers("data_dir")
    path = Path(os.path.abspath(table.text("data_dir")))
    longest = len(os.fsencode(Paths(path).simulator_sock))
    if longest > SOCKET_PATH_BYTES_MAX:
        table.report(f"the path is {longest - SOCKET_PATH_BYTES_MAX} bytes too long for the sockets inside it", "data_dir")
    return path


def _public_url(table: Table) -> str:
    """Without the slash at its end."""
    text = table.text("public_url").rstrip("/")
    if text and not _PUBLIC_URL.fullmatch(text):
        table.report("must be an address such as https://ai.example.com or https://example.com/ai", "public_url")
    return text


def _document(config_dir: Path | None, file: str) -> Document:
    """The operator's file, else the shipped one. For gateway.toml, which is laid over the shipped one, else an empty one."""
    path = config_dir / file if config_dir is not None else None
    if path is None or not path.exists():
        if file == "gateway.toml":
            return Document(file, "")
        path = DEFAULTS / file
    try:
        return Document(str(path), path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        document = Document(str(path), "")
        document.broken = True
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        document.problems.append(f"{path}:1: {reason}")
        return document


def _strangers(config_dir: Path | None) -> list[str]:
    """A directory that is not there, or a file whose name is misspelt, would be ignored in silence."""
    if config_dir is None:
        return []
    if not config_dir.is_dir():
        return [f"{config_dir}: is not a directory"]
    found = sorted(path for path in config_dir.glob("*.toml") if path.name not in FILES)
    return [f"{path}:1: unknown file, expected {', '.join(FILES)}" for path in found]
