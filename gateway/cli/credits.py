"""`gateway credits`: what workspaces have paid in advance."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.door import data_dir_option, once_option, open_door
from gateway.cli.table import json_option, print_one, print_rows
from gateway.cli.values import Dollars

FIGURES = ["amount_usd", "used_usd", "refunded_usd", "expired_usd", "remaining_usd"]


@click.group()
def credits() -> None:
    """Buy, list and refund credits."""


@credits.command()
@click.argument("workspace")
@click.option("--usd", "amount_usd", type=Dollars(), required=True, help="What was paid, in dollars.")
@click.option("--memo", default="", help="For people, such as the number of a payment.")
@data_dir_option
@once_option
@json_option
def buy(data_dir: Path, once: str, as_json: bool, **order: Any) -> None:
    """Credit a workspace, by id or name, with what was paid."""
    with open_door(data_dir) as door:
        print_one(door.post("credits", body=order, once=once), as_json)


@credits.command("list")
@click.argument("workspace")
@data_dir_option
@json_option
def list_lots(workspace: str, data_dir: Path, as_json: bool) -> None:
    """List the lots of a workspace, oldest first: they are used up in this order."""
    with open_door(data_dir) as door:
        found = list(door.all("credits", workspace=workspace))
    print_rows(found, ["id", "bought_at", "expires_at", "memo"], as_json, numbers=FIGURES, empty="no credits were bought")


@credits.command()
@click.argument("workspace")
@data_dir_option
@json_option
def balance(workspace: str, data_dir: Path, as_json: bool) -> None:
    """Show what a workspace still has, and what it owes beyond that."""
    with open_door(data_dir) as door:
        print_one(door.get("workspaces", workspace, "balance"), as_json)


@credits.command()
@click.argument("lot_id", metavar="ID")
@click.option("--memo", default="", help="For people, such as the reason.")
@data_dir_option
@once_option
@json_option
def refund(lot_id: str, memo: str, data_dir: Path, once: str, as_json: bool) -> None:
    """Give back what is unused of the lot with this id."""
    with open_door(data_dir) as door:
        print_one(door.post("credits", lot_id, "refund", body={"memo": memo}, once=once), as_json)
