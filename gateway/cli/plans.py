"""`gateway plans`: what plans there are. They are changed in `plans.toml`."""

from pathlib import Path

import click

from gateway.cli.door import data_dir_option, open_door
from gateway.cli.table import json_option, print_one, print_rows


@click.group()
def plans() -> None:
    """List and show plans."""


@plans.command("list")
@data_dir_option
@json_option
def list_plans(data_dir: Path, as_json: bool) -> None:
    """List all plans."""
    with open_door(data_dir) as door:
        found = door.get("plans")["data"]
    print_rows(found, ["name", "display_name", "keys", "mass_mint"], as_json, empty="plans.toml has no plans")


@plans.command()
@click.argument("name")
@data_dir_option
@json_option
def show(name: str, data_dir: Path, as_json: bool) -> None:
    """Show a plan with its limits, which all keys of a workspace on it share."""
    with open_door(data_dir) as door:
        found = door.get("plans", name)
    print_one(found, as_json)
    if not as_json:
        click.echo()
        print_rows(found["limits"], ["metric", "class", "window"], False, numbers=["amount"], empty="no limits")
