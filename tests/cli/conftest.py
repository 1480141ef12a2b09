"""A data directory for commands, with and without a gateway that serves from it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.control.served import ControlPlane, short_dir

Run = Callable[..., Result]


@pytest.fixture(params=["alone", "served"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command, once on the files themselves and once through a control plane that serves."""

    def command(*words: str) -> Result:
        return CliRunner().invoke(main, words)

    with short_dir() as directory:
        monkeypatch.setenv("GATEWAY_DATA_DIR", directory)
        if request.param == "alone":
            yield command
        else:
            with ControlPlane(Path(directory)):
                yield command


def rows(result: Result) -> list[dict[str, object]]:
    """What a command with --json printed; it must have gone well."""
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def row(result: Result) -> dict[str, object]:
    [one] = rows(result)
    return one
