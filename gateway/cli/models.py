"""`gateway models`: what models there are, where they go, and what they have shown."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.door import data_dir_option, open_door
from gateway.cli.table import json_option, print_one, print_rows


@click.group()
def models() -> None:
    """Show models, where they go, and how fast they are."""


@models.command("list")
@data_dir_option
@json_option
def list_models(data_dir: Path, as_json: bool) -> None:
    """List the models of the catalogue and those that were answered for, with the first target and its speed."""
    with open_door(data_dir) as door:
        found = door.get("models")["data"]
    rows = found if as_json else [shown(model) for model in found]
    figures = ["max_input_tokens", "max_tokens", "input_usd", "output_usd", "success", "ttft_ms", "tokens_per_s"]
    print_rows(rows, ["id", "target"], as_json, numbers=figures, empty="no models are known")


@models.command()
@click.argument("name")
@data_dir_option
@json_option
def show(name: str, data_dir: Path, as_json: bool) -> None:
    """Show a model by any name it may be asked for, and every target that is tried for it, in order."""
    with open_door(data_dir) as door:
        [found] = door.get("models", name=name)["data"]
    print_one(found, as_json)
    if not as_json:
        click.echo()
        print_rows(found["targets"], ["target"], False, numbers=["requests", "success", "ttft_ms", "tokens_per_s"])


def shown(model: dict[str, Any]) -> dict[str, Any]:
    """A model as one line of the table."""
    first, *others = model["targets"]
    target = first["target"] + (f" +{len(others)}" if others else "")
    prices = {f"{name}_usd": model["prices_usd"].get(name) for name in ("input", "output")}
    row: dict[str, Any] = model | first | prices | {"target": target}
    return row
