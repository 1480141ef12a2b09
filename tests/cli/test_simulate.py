import re

from click.testing import CliRunner

from gateway.cli.simulate import simulate
from gateway.simulator.script import KEYS


def test_help_tells_every_key() -> None:
    told = CliRunner().invoke(simulate, ["--help"]).output
    for name in KEYS:
        assert re.search(rf"^  {name}\b", told, re.MULTILINE), name


def test_a_script_that_cannot_be_read_is_a_usage_error() -> None:
    result = CliRunner().invoke(simulate, ["--script", "speed=1"])
    assert result.exit_code == 2
    assert "unknown key 'speed'" in result.output
