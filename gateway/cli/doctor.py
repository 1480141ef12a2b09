"""`gateway doctor`: says what is wrong with an installation, and changes nothing.

A check is a function that yields findings; CHECKS is the list of them, in the order of printing. Upstreams are asked for their
models with each credential, which costs nothing and shows whether it is taken. No credential is ever printed: a wrong one is
named by its variable and its place in it.
"""

import fcntl
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import click
import orjson

import native_fastpath
from gateway import compiled, settings
from gateway.catalog.providers import Origin, Provider
from gateway.cli.table import print_table
from gateway.control.store import StoreError
from gateway.control.store.examine import examine
from gateway.settings import Settings, SettingsError
from gateway.state.pepper import PepperError, load_pepper
from gateway.state.shared import LayoutError, SharedFile
from gateway.supervisor.takeover import ListenError, check_port
from gateway.upstream import key_test
from gateway.upstream.key_test import Verdict
from gateway.upstream.transport.question import NoAnswerError, status_of

OK, NOTE, PROBLEM = "ok", "note", "problem"
ASK_TIMEOUT_S = 5.0
PYTHON_MIN = (3, 11)
# A call takes two descriptors, its client's and its upstream's; the rest is files, sockets of the control plane, and spare.
DESCRIPTORS_PER_CALL = 2
DESCRIPTORS_BESIDE = 256


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it stands, and what an operator should know or do."""

    check: str
    state: str
    said: str


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at."""

    settings: Settings
    key_variables: dict[str, str]

    @property
    def serving(self) -> bool:
        """Whether a supervisor holds its lock here."""
        try:
            descriptor = os.open(self.settings.paths.supervisor_lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where everything that lasts is kept.")
@click.option("--config", type=click.Path(path_type=Path, file_okay=False), help="Directory with gateway.toml and its kin.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(data_dir: Path | None, config: Path | None, as_json: bool) -> None:
    """Say what is wrong with this installation.

    Looks at the installation, the settings, the data directory, the port and the upstream keys, and changes nothing. Exit code 1
    when there is a problem.
    """
    findings = [*program()]
    try:
        chosen = settings.load(config, os.environ, data_dir=data_dir)
        patient = Patient(chosen, settings.key_variables(config, os.environ))
    except SettingsError as error:
        findings += [Finding("settings", PROBLEM, problem) for problem in error.problems]
    else:
        findings.append(Finding("settings", OK, "can be read"))
        for check in CHECKS:
            findings += check(patient)
    sound = all(finding.state != PROBLEM for finding in findings)
    if as_json:
        click.echo(orjson.dumps({"ok": sound, "findings": [asdict(finding) for finding in findings]}))
    else:
        print_table(["check", "state", "what"], [[finding.check, finding.state, finding.said] for finding in findings])
    sys.exit(0 if sound else 1)


def program() -> Iterator[Finding]:
    """What is installed."""
    fast = native_fastpath.IMPLEMENTATION == "native"
    reason = "switched off by NATIVE_FASTPATH" if os.environ.get("NATIVE_FASTPATH") == "off" else "the C extension was not built"
    yield Finding("native_fastpath", OK if fast else NOTE, "native" if fast else f"pure Python: {reason}")
    edited = compiled.stale()
    if edited:
        yield Finding("compiled modules", PROBLEM, f"{', '.join(edited)} changed since: {compiled.REMEDY}")
    else:
        count = len(compiled.compiled())
        said = f"{count}, in which a call takes half the CPU" if count else "none; `make compile` halves the CPU of a call"
        yield Finding("compiled modules", OK if count else NOTE, said)
    yield Finding("python", OK if sys.version_info >= PYTHON_MIN else PROBLEM, platform.python_version())
    for package in ("sluice-gateway", "granian"):
        try:
            yield Finding(package, OK, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, PROBLEM, "is not installed")


def data_directory(patient: Patient) -> Iterator[Finding]:
    directory = patient.settings.data_dir
    if not directory.exists():
        yield Finding("data directory", NOTE, f"{directory} is not there yet; `gateway serve` makes it")
        return
    mode = directory.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding("data directory", PROBLEM, f"{directory} is open to others (mode {mode:04o}): run chmod 700 on it")
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("data directory", PROBLEM, f"{directory} cannot be written by this user")
    else:
        yield Finding("data directory", OK, str(directory))


def pepper(patient: Patient) -> Iterator[Finding]:
    paths = patient.settings.paths
    if not paths.pepper.exists():
        if paths.gateway_db.exists():
            yield Finding(
                "pepper", PROBLEM, f"{paths.pepper} is missing, so no minted key is recognised: restore it from a backup"
            )
        return
    try:
        load_pepper(paths.pepper)
    except PepperError as error:
        yield Finding("pepper", PROBLEM, str(error))
    else:
        yield Finding("pepper", OK, "readable by its owner only")


def shared_file(patient: Patient) -> Iterator[Finding]:
    path = patient.settings.paths.shared_map
    if not path.exists():
        return
    try:
        shared = SharedFile.open(path)
    except (LayoutError, OSError) as error:
        yield Finding("shared file", PROBLEM, f"{path}: {error}")
        return
    layout = shared.layout
    shared.close()
    yield Finding("shared file", OK, f"{layout.keys_capacity} keys, {layout.slots} worker slots")


def database(patient: Patient) -> Iterator[Finding]:
    path = patient.settings.paths.gateway_db
    if not path.exists():
        return
    try:
        found = examine(path)
    except StoreError as error:
        yield Finding("database", PROBLEM, str(error))
        return
    if found.verdict != "ok":
        yield Finding("database", PROBLEM, f"{path} is damaged ({found.verdict}): restore a backup")
    elif found.migration > found.migration_known:
        yield Finding("database", PROBLEM, f"{path} was written by a newer release (migration {found.migration})")
    else:
        behind = "" if found.migration == found.migration_known else ", brought up to date at the next start"
        yield Finding("database", OK, f"sound, migration {found.migration} of {found.migration_known}{behind}")


def port(patient: Patient) -> Iterator[Finding]:
    host, number = patient.settings.host, patient.settings.port
    if not patient.serving:
        try:
            check_port(host, number, orphans=False)
        except ListenError as error:
            yield Finding("port", PROBLEM, str(error))
        else:
            yield Finding("port", OK, f"port {number} on {host} is free")
        return
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    try:
        status = status_of(Origin("http", reached, number), "/healthz", {}, ASK_TIMEOUT_S)
    except NoAnswerError as error:
        where = f"port {number} on {host} does not answer ({error})"
        yield Finding("port", NOTE, f"a gateway serves from this data directory, but {where}: was it started with another port?")
    else:
        yield Finding("port", OK if status == 200 else PROBLEM, f"serving on port {number} of {host} (/healthz says {status})")


def descriptors(patient: Patient) -> Iterator[Finding]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = DESCRIPTORS_PER_CALL * patient.settings.connections_per_upstream_max + DESCRIPTORS_BESIDE
    if most != resource.RLIM_INFINITY and most < needed:
        yield Finding("open files", PROBLEM, f"at most {most}, a worker may need {needed}: raise the hard limit (ulimit -Hn)")
    else:
        yield Finding("open files", OK, "unlimited" if most == resource.RLIM_INFINITY else f"at most {most}, {needed} are needed")


def upstreams(patient: Patient) -> Iterator[Finding]:
    unset = dict(patient.key_variables)
    for provider in () if patient.settings.simulated else patient.settings.providers:
        variable = unset.pop(provider.name)
        for number in range(1, len(provider.credentials) + 1):
            yield asked(provider, variable, number)
    if unset:
        listed = ", ".join(f"{name} ({variable})" for name, variable in unset.items())
        yield Finding("upstreams not used", NOTE, f"their variables are not set: {listed}")
    if patient.settings.simulated:
        yield Finding("upstream", NOTE, "no upstream key is set: the built-in simulator answers every call")


def asked(provider: Provider, variable: str, number: int) -> Finding:
    """What the upstream says to one credential."""
    found = key_test.ask(provider, number - 1, ASK_TIMEOUT_S)
    check, key, place = f"upstream {provider.name}", f"key {number} of {variable}", provider.origin.authority
    if found.verdict is Verdict.UNREACHABLE:
        return Finding(check, PROBLEM, f"{place} cannot be reached ({found.failure})")
    if found.verdict is Verdict.REFUSED:
        return Finding(check, PROBLEM, f"{key} is refused by {place} (status {found.status})")
    if found.verdict is Verdict.TAKEN:
        return Finding(check, OK, f"{key} is taken by {place}")
    return Finding(check, NOTE, f"{place} answered {key} with status {found.status}, which says nothing about the key")


CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    data_directory,
    pepper,
    shared_file,
    database,
    port,
    descriptors,
    upstreams,
)
