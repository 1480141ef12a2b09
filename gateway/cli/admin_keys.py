"""`gateway admin-keys`: mint, list and revoke the keys that open the admin interface over the network."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.cli.door import data_dir_option, given, once_option, open_door
from gateway.cli.keys import print_minted
from gateway.cli.table import json_option, print_rows
from gateway.cli.values import Moment


@click.group("admin-keys")
def admin_keys() -> None:
    """Mint, list and revoke keys for the admin interface."""


@admin_keys.command()
@click.option("--name", required=True, help="What the key is called in lists and in the log.")
@click.option(
    "--role",
    type=click.Choice(["viewer", "admin", "owner"]),
    required=True,
    help="viewer looks; admin also changes keys, limits and workspaces; owner also moves money and sees admin keys.",
)
@click.option("--expires", "expires_at_s", type=Moment(), help="When it ends: a span (30d) or a date (2026-12-31, UTC).")
@data_dir_option
@once_option
@json_option
def mint(data_dir: Path, once: str, as_json: bool, **order: Any) -> None:
    """Mint an admin key. It is shown here and never again. Over the network this is not possible."""
    with open_door(data_dir, create=True) as door:
        print_minted([door.post("admin_keys", body=given(order), once=once)], as_json)


@admin_keys.command("list")
@data_dir_option
@json_option
def list_admin_keys(data_dir: Path, as_json: bool) -> None:
    """List admin keys, without the keys themselves."""
    with open_door(data_dir) as door:
        found = door.get("admin_keys")["data"]
    print_rows(found, ["name", "id", "role", "shown", "state", "created_at", "expires_at"], as_json)


@admin_keys.command()
@click.argument("key_id", metavar="ID")
@data_dir_option
@json_option
def revoke(key_id: str, data_dir: Path, as_json: bool) -> None:
    """Revoke the admin key with this id, at once."""
    with open_door(data_dir) as door:
        key = door.post("admin_keys", key_id, "revoke")
    click.echo(orjson.dumps(key) if as_json else f"revoked {key['id']} ({key['name']})")
