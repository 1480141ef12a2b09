"""`gateway limits`: what keys and workspaces may use, and what they have used of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gateway.catalog.measures import METRICS, WINDOWS
from gateway.cli.door import data_dir_option, given, once_option, open_door
from gateway.cli.table import json_option, print_one, print_rows

COLUMNS = ["id", "scope", "metric", "class", "window", "source"]
FIGURES = ["amount", "used", "held", "remaining"]


@click.group()
def limits() -> None:
    """Show, set and remove limits."""


@limits.command("list")
@click.option("--key", help="A key, by its id: every limit its requests are counted against.")
@click.option("--workspace", help="A workspace, by id or name: its own limits.")
@data_dir_option
@json_option
def list_limits(key: str | None, workspace: str | None, data_dir: Path, as_json: bool) -> None:
    """List the limits of a key or a workspace, and what is used of them."""
    check_one(key, workspace)
    with open_door(data_dir) as door:
        print_limits(door.get("limits", key=key, workspace=workspace)["data"], as_json)


@limits.command("set")
@click.option("--key", help="A key, by its id.")
@click.option("--workspace", help="A workspace, by id or name.")
@click.option("--metric", type=click.Choice(list(METRICS)), required=True, help="What is counted; cost is in dollars.")
@click.option("--window", type=click.Choice(list(WINDOWS)), help="Over which time; concurrency has none.")
@click.option("--class", "model_class", default="all", show_default=True, help="A model class or pattern: opus, claude-opus-5*.")
@click.option("--amount", required=True, help="How much; 0 lets nothing pass.")
@data_dir_option
@once_option
@json_option
def set_limit(key: str | None, workspace: str | None, data_dir: Path, once: str, as_json: bool, **order: Any) -> None:
    """Set a limit, or the amount of one that is there."""
    check_one(key, workspace)
    order["class"] = order.pop("model_class")
    with open_door(data_dir) as door:
        print_limits([door.post("limits", body=given({"key": key, "workspace": workspace, **order}), once=once)], as_json)


@limits.command()
@click.argument("limit_id", metavar="ID")
@data_dir_option
@json_option
def remove(limit_id: str, data_dir: Path, as_json: bool) -> None:
    """Remove the limit with this id. Those of plans, tiers and credits go with their reason."""
    with open_door(data_dir) as door:
        print_one(door.delete("limits", limit_id), as_json)


def print_limits(found: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Limits with what is used of them."""
    rows = found if as_json else [one | {"ends": one["window_end"]} for one in found]
    print_rows(rows, [*COLUMNS, "ends"], as_json, numbers=FIGURES, empty="no limits")


def check_one(key: str | None, workspace: str | None) -> None:
    if (key is None) == (workspace is None):
        raise click.UsageError("name either --key or --workspace")
