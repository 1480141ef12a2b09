"""`gateway serve`: runs the gateway until it is told to stop."""

import os
import sys
from pathlib import Path

import click

from gateway import compiled, settings
from gateway.settings import Settings, SettingsError


@click.command()
@click.option("--host", help="Address to listen on; 127.0.0.1 unless configured.")
@click.option("--port", type=int, help="Port to listen on; 8080 unless configured.")
@click.option("--workers", type=int, help="Data-plane processes; one for each core unless configured.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where everything that lasts is kept.")
@click.option("--config", type=click.Path(path_type=Path, file_okay=False), help="Directory with gateway.toml and its kin.")
@click.option("--mint", is_flag=True, help="Mint a key when ready and print it with a command to try it.")
def serve(
    host: str | None, port: int | None, workers: int | None, data_dir: Path | None, config: Path | None, mint: bool
) -> None:
    """Run the gateway.

    With no upstream key set, a built-in simulator answers, so that everything can be tried without an account.
    """

    def read() -> Settings:
        return settings.load(config, os.environ, host=host, port=port, workers=workers, data_dir=data_dir)

    try:
        chosen = read()
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(1)
    edited = compiled.stale()
    if edited:
        click.echo(f"gateway: {', '.join(edited)} changed after being compiled: {compiled.REMEDY}", err=True)
        sys.exit(1)
    # Imported here: a command with a mistake in its settings should say so at once.
    from gateway.control.process import configure_log
    from gateway.state.pepper import PepperError
    from gateway.supervisor.supervisor import Supervisor
    from gateway.supervisor.takeover import AlreadyServingError, ListenError

    configure_log(chosen.log_format)
    try:
        Supervisor(chosen, read, lambda: _welcome(chosen, mint)).run()
    except (AlreadyServingError, ListenError, PepperError, RuntimeError, OSError) as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)


def _welcome(chosen: Settings, mint: bool) -> None:
    """What an operator wants to know first. Printed at once, so that lines of the log cannot come between."""
    url = f"http://{chosen.host}:{chosen.port}"
    lines = [f"Sluice listens on {url} with {chosen.workers} worker(s); data in {chosen.data_dir}"]
    for provider in chosen.providers:
        place = f"{provider.origin.scheme}://{provider.origin.authority}{provider.origin.base_path}"
        if chosen.simulated:
            lines.append("No upstream key is set (ANTHROPIC_API_KEY): the built-in simulator answers every call.")
        else:
            lines.append(f"Upstream {provider.name}: {place}, {len(provider.credentials)} key(s)")
    if mint:
        lines += _first_key(chosen, url)
    else:
        lines.append("Mint a key with: gateway keys mint --name NAME")
    lines += _console(chosen)
    click.echo("\n".join(lines), err=True)


def _console(chosen: Settings) -> list[str]:
    """Where the console is; while nobody has an account, the link that makes the first one."""
    from gateway.cli.door import open_door

    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(chosen.host, chosen.host)
    url = chosen.public_url or f"http://{host}:{chosen.port}"
    try:
        with open_door(chosen.data_dir) as door:
            path = door.post("setup_links")["path"]
    except click.ClickException as error:  # calls are served all the same
        return [f"Console: {url}/console (no set-up link: {error.message})"]
    if path is None:
        return [f"Console: {url}/console"]
    return ["Set up the console with this link, good for an hour and for one account:", url + path]


def _first_key(chosen: Settings, url: str) -> list[str]:
    from gateway.cli.door import open_door

    with open_door(chosen.data_dir) as door:
        key = door.post("keys", body={"name": "first"})["data"][0]["key"]
    body = (
        '{"model": "claude-sonnet-5", "max_tokens": 200, "stream": true, "messages": [{"role": "user", "content": "Say hello"}]}'
    )
    return [
        f"A new key, shown only now: {key}",
        "Try it:",
        f"curl -N {url}/v1/messages -H 'x-api-key: {key}' -H 'anthropic-version: 2023-06-01' "
        f"-H 'content-type: application/json' -d '{body}'",
    ]
