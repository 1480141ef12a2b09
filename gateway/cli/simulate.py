"""`gateway simulate`: an upstream for tests and load, without a model behind it."""

from pathlib import Path

import click

from gateway.simulator.script import Script, ScriptError, read_header, table
from gateway.simulator.server import FIXTURES_DIR, serve

_EPILOG = (
    "\b\nA request is scripted by the header `x-simulate: key=value;key=value`, by a line in the prompt\n"
    '`[[simulate key=value key="two words"]]`, or by --script, in that order. The keys:\n\n\b\n' + table()
)


def _checked(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        read_header(value, Script())
    except ScriptError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command(epilog=_EPILOG)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--uds", type=click.Path(path_type=Path), help="Listen on this Unix socket instead.")
@click.option("--key", "keys", multiple=True, help="Credential to accept; may be repeated. None given: any is accepted.")
@click.option("--script", default="", callback=_checked, help="Script of every request, in header spelling.")
@click.option("--truth", "truth_path", type=click.Path(path_type=Path), help="Append one JSON line a request to this file.")
@click.option(
    "--fixtures",
    "fixtures_dir",
    type=click.Path(path_type=Path),
    default=FIXTURES_DIR,
    help="Folder of recorded streams for fixture=NAME.",
)
def simulate(
    host: str, port: int, uds: Path | None, keys: tuple[str, ...], script: str, truth_path: Path | None, fixtures_dir: Path
) -> None:
    """An upstream that speaks Anthropic's wire, with scripted delays and faults. Prints its address; stops on SIGTERM."""
    serve(
        host=host,
        port=port,
        uds=uds,
        keys=keys,
        script=script,
        truth_path=truth_path,
        fixtures_dir=fixtures_dir,
        ready=click.echo,
    )


if __name__ == "__main__":
    simulate()
