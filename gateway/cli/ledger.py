"""`gateway ledger`: the books, and the proof that they are right."""

import sys
from pathlib import Path

import click
import orjson

from gateway.cli.door import data_dir_option, open_door
from gateway.cli.table import json_option, print_one, print_rows
from gateway.control.orders import date

NANOSECONDS = 1_000_000_000


@click.group()
def ledger() -> None:
    """Show and verify the ledger."""


@ledger.command()
@click.option("--workspace", help="Only postings of this workspace, by id or name.")
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many postings.")
@data_dir_option
@json_option
def show(workspace: str | None, last: int, data_dir: Path, as_json: bool) -> None:
    """Show the latest postings, entry by entry: what each account gained or lost."""
    with open_door(data_dir) as door:
        found = door.get("ledger", workspace=workspace, limit=last)["data"]
    if as_json:
        print_rows(found, [], True)
        return
    entries = [
        {"posting": str(one["id"]), "at": date(one["at_ns"] // NANOSECONDS), **one, **entry}
        for one in found
        for entry in one["entries"]
    ]
    print_rows(entries, ["posting", "at", "kind", "memo", "account"], False, numbers=["amount_usd"], empty="nothing was posted")


@ledger.command()
@data_dir_option
@json_option
def accounts(data_dir: Path, as_json: bool) -> None:
    """List all accounts and what they hold."""
    with open_door(data_dir) as door:
        found = list(door.all("ledger", "accounts"))
    print_rows(found, ["name"], as_json, numbers=["balance_usd"], empty="nothing was posted")


@ledger.command()
@click.argument("request_id", metavar="ID")
@data_dir_option
@json_option
def receipt(request_id: str, data_dir: Path, as_json: bool) -> None:
    """Show what the request with this id took, what it cost and why."""
    with open_door(data_dir) as door:
        found = door.get("receipts", request_id)
    print_one(found, as_json)
    if not as_json:
        print_one({f"{name}_tokens": count for name, count in found["tokens"].items()}, False)


@ledger.command()
@data_dir_option
@json_option
def verify(data_dir: Path, as_json: bool) -> None:
    """Prove the books: requests = postings = balances = limits. Exit code 1 when something differs."""
    with open_door(data_dir) as door:
        proof = door.post("ledger", "verify")
    if as_json:
        click.echo(orjson.dumps(proof))
    else:
        print_one(proof, False)
        if proof["differences"]:
            click.echo()
            print_rows(proof["differences"], ["what", "which", "how"], False)
    sys.exit(0 if proof["proven"] else 1)
