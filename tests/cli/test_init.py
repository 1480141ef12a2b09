import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from gateway.cli import COMMANDS, main

HELP = """
import sys
from gateway.cli import main
main(["--help"], standalone_mode=False)
print([name for name in sys.modules if name.startswith("gateway.cli.")])
"""


def test_help_names_every_command_and_loads_none() -> None:
    ran = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert all(f"  {name}  " in ran.stdout for name in COMMANDS)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_exists(name: str) -> None:
    module, attribute, text = COMMANDS[name]
    assert find_spec(module) is not None
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert text.endswith(".")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["nope"]).exit_code == 2


def test_the_module_can_be_run() -> None:
    ran = subprocess.run([sys.executable, "-m", "gateway", "keys", "mint"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "Missing option '--name'" in ran.stderr
