"""`gateway keys`: mint, list, show, restrict, rotate and revoke the keys that callers use."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.catalog.measures import AMOUNT_MAX
from gateway.cli.door import data_dir_option, given, once_option, open_door
from gateway.cli.limits import print_limits
from gateway.cli.table import json_option, print_one, print_rows, print_table
from gateway.cli.values import Dollars, Models, Moment, Span
from gateway.control.keys import MINT_COUNT_MAX

AMOUNT = click.IntRange(1, AMOUNT_MAX)


@click.group()
def keys() -> None:
    """Mint, list, show, restrict, rotate and revoke keys."""


@keys.command()
@click.option("--name", required=True, help="What the key is called in lists; with --count, the beginning of the names.")
@data_dir_option
@click.option("--workspace", default="default", show_default=True, help="The workspace it belongs to; made if there is none.")
@click.option("--plan", help="Name of a plan; else the workspace's own, if it has one.")
@click.option("--models", type=Models(), help="What it may use: classes and patterns such as opus,gpt-4*; else all models.")
@click.option("--rpm", type=AMOUNT, help="Requests a minute.")
@click.option("--itpm", type=AMOUNT, help="Input tokens a minute.")
@click.option("--otpm", type=AMOUNT, help="Output tokens a minute.")
@click.option("--budget-tokens", type=AMOUNT, help="Tokens in all.")
@click.option("--budget-usd", type=Dollars(), help="Dollars in all.")
@click.option("--concurrency", type=AMOUNT, help="Requests at the same time.")
@click.option("--expires", "expires_at_s", type=Moment(), help="When it ends: a span (30d) or a date (2026-12-31, UTC).")
@click.option("--count", type=click.IntRange(1, MINT_COUNT_MAX), default=1, show_default=True, help="How many keys.")
@once_option
@json_option
def mint(data_dir: Path, once: str, as_json: bool, **order: Any) -> None:
    """Mint keys. Each is shown here and never again."""
    with open_door(data_dir, create=True) as door:
        minted = door.post("keys", body=given(order), once=once)["data"]
    print_minted(minted, as_json)


@keys.command("list")
@data_dir_option
@click.option("--workspace", help="Only those of this workspace, by id or name.")
@json_option
def list_keys(data_dir: Path, workspace: str | None, as_json: bool) -> None:
    """List keys, without the keys themselves."""
    with open_door(data_dir) as door:
        found = list(door.all("keys", workspace=workspace))
    print_rows(found, ["name", "id", "shown", "workspace", "plan", "state", "created_at"], as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
@json_option
def show(key_id: str, data_dir: Path, as_json: bool) -> None:
    """Show the key with this id, without the key itself."""
    with open_door(data_dir) as door:
        key = door.get("keys", key_id)
    print_one(key if as_json else key | {"models": ", ".join(key["models"]) or "all"}, as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
@json_option
def limits(key_id: str, data_dir: Path, as_json: bool) -> None:
    """Show every limit that requests with this key are counted against, and what is used of it."""
    with open_door(data_dir) as door:
        print_limits(door.get("limits", key=key_id)["data"], as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@click.argument("models", type=Models())
@data_dir_option
@json_option
def allow(key_id: str, models: list[str], data_dir: Path, as_json: bool) -> None:
    """Say which models the key with this id may use from now on: classes and patterns such as opus,gpt-4*, or all."""
    with open_door(data_dir) as door:
        key = door.post("keys", key_id, "models", body={"models": models})
    shown = ", ".join(key["models"]) or "all models"
    click.echo(orjson.dumps(key) if as_json else f"{key['id']} ({key['name']}) may use {shown}")


@keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
@click.option(
    "--grace", "grace_s", type=Span(), default="24h", show_default=True, help="How long the old key works on; 0 is not at all."
)
@once_option
@json_option
def rotate(key_id: str, data_dir: Path, grace_s: int, once: str, as_json: bool) -> None:
    """Mint a key in place of the one with this id: same name, workspace, plan, models and limits, and what was used of them."""
    with open_door(data_dir) as door:
        key = door.post("keys", key_id, "rotate", body={"grace_s": grace_s}, once=once)
    print_minted([key], as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
@json_option
def revoke(key_id: str, data_dir: Path, as_json: bool) -> None:
    """Revoke the key with this id: no worker takes it from now on."""
    with open_door(data_dir) as door:
        key = door.post("keys", key_id, "revoke")
    click.echo(orjson.dumps(key) if as_json else f"revoked {key['id']} ({key['name']})")


def print_minted(minted: list[dict[str, Any]], as_json: bool) -> None:
    """Prints keys at the only moment at which they can be seen."""
    if as_json:
        for key in minted:
            click.echo(orjson.dumps({"id": key["id"], "key": key["key"]} | key))
        return
    print_table(["name", "id", "key"], [[key["name"], key["id"], key["key"]] for key in minted])
    click.echo("Keep this: a key cannot be shown again.", err=True)
