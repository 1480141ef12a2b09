"""`gateway keys`: mint, list and revoke the keys that callers use."""

import re
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.catalog.measures import AMOUNT_MAX
from gateway.cli.door import data_dir_option, open_door
from gateway.cli.table import print_table
from gateway.control.keys import MINT_COUNT_MAX

AMOUNT = click.IntRange(1, AMOUNT_MAX)


class Dollars(click.ParamType[str]):
    """An amount such as 25 or 12.50, kept as text so that nothing is rounded."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", str(value)):
            self.fail("must be an amount of dollars such as 25 or 12.50", param, ctx)
        return str(value)


@click.group()
def keys() -> None:
    """Mint, list and revoke keys."""


@keys.command()
@click.option("--name", required=True, help="What the key is called in lists; with --count, the beginning of the names.")
@data_dir_option
@click.option("--workspace", default="default", show_default=True, help="The workspace it belongs to; made if there is none.")
@click.option("--plan", help="Name of a plan in plans.toml; its limits are shared by all keys of the workspace that are on it.")
@click.option("--rpm", type=AMOUNT, help="Requests a minute.")
@click.option("--itpm", type=AMOUNT, help="Input tokens a minute.")
@click.option("--otpm", type=AMOUNT, help="Output tokens a minute.")
@click.option("--budget-tokens", type=AMOUNT, help="Tokens in all.")
@click.option("--budget-usd", type=Dollars(), help="Dollars in all.")
@click.option("--concurrency", type=AMOUNT, help="Requests at the same time.")
@click.option("--count", type=click.IntRange(1, MINT_COUNT_MAX), default=1, show_default=True, help="How many keys.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def mint(data_dir: Path, as_json: bool, **order: Any) -> None:
    """Mint keys. Each is shown here and never again."""
    with open_door(data_dir, create=True) as door:
        minted = door.mint({name: value for name, value in order.items() if value is not None})
    if as_json:
        for key in minted:
            click.echo(orjson.dumps(key))
        return
    print_table(["name", "id", "key"], [[key["name"], key["id"], key["key"]] for key in minted])
    click.echo("Keep this: a key cannot be shown again.", err=True)


@keys.command("list")
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_keys(data_dir: Path, as_json: bool) -> None:
    """List all keys, without the keys themselves."""
    with open_door(data_dir) as door:
        found = list(door.keys())
    if as_json:
        for key in found:
            click.echo(orjson.dumps(key))
        return
    columns = ["name", "id", "shown", "workspace", "state", "created_at"]
    print_table(columns, [[key[column] for column in columns] for key in found])


@keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
def revoke(key_id: str, data_dir: Path) -> None:
    """Revoke the key with this id: no worker takes it from now on."""
    with open_door(data_dir) as door:
        key = door.revoke(key_id)
    click.echo(f"revoked {key['id']} ({key['name']})")
