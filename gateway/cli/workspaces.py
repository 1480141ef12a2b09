"""`gateway workspaces`: who shares keys, limits, credits and usage, and the people in them."""

from pathlib import Path
from typing import Any

import click
import orjson

from gateway.cli.door import data_dir_option, given, once_option, open_door
from gateway.cli.table import json_option, print_one, print_rows

BILLING = click.Choice(["open", "prepaid"])
ROLE = click.Choice(["owner", "admin", "member", "viewer"])


@click.group()
def workspaces() -> None:
    """Make, list, change and archive workspaces."""


@workspaces.command()
@click.argument("name")
@click.option("--plan", help="The plan that its keys get which ask for none.")
@click.option("--billing", type=BILLING, default="open", show_default=True, help="Whether it pays with credits before it uses.")
@click.option("--time-zone", help="Where its people read their charts, such as Europe/Berlin; UTC unless said.")
@data_dir_option
@once_option
@json_option
def create(data_dir: Path, once: str, as_json: bool, **order: Any) -> None:
    """Make a workspace."""
    with open_door(data_dir, create=True) as door:
        print_one(door.post("workspaces", body=given(order), once=once), as_json)


@workspaces.command("list")
@data_dir_option
@json_option
def list_workspaces(data_dir: Path, as_json: bool) -> None:
    """List all workspaces, archived ones too."""
    with open_door(data_dir) as door:
        found = list(door.all("workspaces"))
    print_rows(found, ["name", "id", "billing", "plan", "time_zone", "created_at", "archived_at"], as_json)


@workspaces.command()
@click.argument("workspace")
@data_dir_option
@json_option
def show(workspace: str, data_dir: Path, as_json: bool) -> None:
    """Show a workspace, by id or name."""
    with open_door(data_dir) as door:
        print_one(door.get("workspaces", workspace), as_json)


@workspaces.command("set")
@click.argument("workspace")
@click.option("--name", help="Another name.")
@click.option("--plan", help="The plan that new keys get which ask for none; an empty one takes it away.")
@click.option("--billing", type=BILLING, help="Whether it pays with credits before it uses.")
@click.option("--time-zone", help="Where its people read their charts, such as Europe/Berlin.")
@data_dir_option
@json_option
def change(workspace: str, plan: str | None, data_dir: Path, as_json: bool, **said: str | None) -> None:
    """Change a workspace, by id or name. Keys that are there keep their plan."""
    body: dict[str, object] = given(said)
    if plan is not None:
        body["plan"] = plan or None
    if not body:
        raise click.UsageError("nothing to change: give --name, --plan, --billing or --time-zone")
    with open_door(data_dir) as door:
        print_one(door.post("workspaces", workspace, body=body), as_json)


@workspaces.command()
@click.argument("workspace")
@data_dir_option
@json_option
def archive(workspace: str, data_dir: Path, as_json: bool) -> None:
    """Archive a workspace, by id or name: its keys are revoked for good, and what it has used stays in the books."""
    with open_door(data_dir) as door:
        found = door.post("workspaces", workspace, "archive")
    click.echo(orjson.dumps(found) if as_json else f"archived {found['id']} ({found['name']})")


@workspaces.command()
@click.argument("workspace")
@data_dir_option
@json_option
def members(workspace: str, data_dir: Path, as_json: bool) -> None:
    """List the people in a workspace."""
    with open_door(data_dir) as door:
        found = list(door.all("workspaces", workspace, "members"))
    print_rows(found, ["email", "name", "role", "id", "added_at"], as_json)


@workspaces.command("add-member")
@click.argument("workspace")
@click.argument("email")
@click.option("--role", type=ROLE, default="member", show_default=True, help="What they may do there.")
@click.option("--name", default="", help="What they are called.")
@data_dir_option
@once_option
@json_option
def add_member(workspace: str, data_dir: Path, once: str, as_json: bool, **order: Any) -> None:
    """Add a person to a workspace."""
    with open_door(data_dir) as door:
        print_one(door.post("workspaces", workspace, "members", body=order, once=once), as_json)


@workspaces.command("set-role")
@click.argument("workspace")
@click.argument("member")
@click.argument("role", type=ROLE)
@data_dir_option
@json_option
def set_role(workspace: str, member: str, role: str, data_dir: Path, as_json: bool) -> None:
    """Change the role of a person, by id or address."""
    with open_door(data_dir) as door:
        print_one(door.post("workspaces", workspace, "members", member, body={"role": role}), as_json)


@workspaces.command("remove-member")
@click.argument("workspace")
@click.argument("member")
@data_dir_option
@json_option
def remove_member(workspace: str, member: str, data_dir: Path, as_json: bool) -> None:
    """Remove a person from a workspace, by id or address."""
    with open_door(data_dir) as door:
        found = door.delete("workspaces", workspace, "members", member)
    click.echo(orjson.dumps(found) if as_json else f"removed {found['email']}")
