"""`gateway accounts`: the people who log in to the console, also when nobody can log in any more."""

import sys
from pathlib import Path

import click
import orjson

from gateway.cli.door import data_dir_option, open_door
from gateway.cli.table import json_option, print_one, print_rows

ROLES = ["viewer", "member", "admin", "owner"]
role_option = click.option(
    "--role",
    type=click.Choice(ROLES),
    default="viewer",
    show_default=True,
    help="viewer looks; member sees and has keys in the workspaces of its address, which is its name; admin also sets limits and "
    "workspaces; owner also moves money and makes accounts.",
)


@click.group()
def accounts() -> None:
    """Add, list, change and remove the people who log in to the console."""


@accounts.command()
@click.argument("name")
@role_option
@data_dir_option
@json_option
def add(name: str, role: str, data_dir: Path, as_json: bool) -> None:
    """Add a person. The password is asked for, or read from standard input when that is no terminal."""
    password = _password()
    with open_door(data_dir, create=True) as door:
        print_one(door.post("accounts", body={"name": name, "password": password, "role": role}), as_json)


@accounts.command("list")
@data_dir_option
@json_option
def list_accounts(data_dir: Path, as_json: bool) -> None:
    """List the people who may log in."""
    with open_door(data_dir) as door:
        found = door.get("accounts")["data"]
    print_rows(found, ["name", "id", "role", "created_at", "seen_at"], as_json, empty="nobody yet: gateway accounts link")


@accounts.command()
@click.argument("account", metavar="ACCOUNT")
@data_dir_option
def password(account: str, data_dir: Path) -> None:
    """Set another password for the account with this name or id, and log it out everywhere."""
    new = _password()
    with open_door(data_dir) as door:
        changed = door.post("accounts", account, "password", body={"password": new})
    click.echo(f"changed the password of {changed['name']} ({changed['id']})")


@accounts.command()
@click.argument("account", metavar="ACCOUNT")
@click.argument("role", type=click.Choice(ROLES))
@data_dir_option
def role(account: str, role: str, data_dir: Path) -> None:
    """Change what the account with this name or id may do."""
    with open_door(data_dir) as door:
        changed = door.post("accounts", account, body={"role": role})
    click.echo(f"{changed['name']} ({changed['id']}) is {changed['role']} now")


@accounts.command()
@click.argument("account", metavar="ACCOUNT")
@data_dir_option
@json_option
def remove(account: str, data_dir: Path, as_json: bool) -> None:
    """Remove the account with this name or id; whoever is logged in with it is logged out."""
    with open_door(data_dir) as door:
        gone = door.delete("accounts", account)
    click.echo(orjson.dumps(gone) if as_json else f"removed {gone['name']} ({gone['id']})")


@accounts.command()
@data_dir_option
def link(data_dir: Path) -> None:
    """Print another set-up link, as long as there is no account. Earlier ones are worthless from then on."""
    with open_door(data_dir, create=True) as door:
        path = door.post("setup_links")["path"]
    if path is None:
        raise click.ClickException("there is an account already; `gateway accounts password` sets its password")
    click.echo(path)
    click.echo("Open this path at the gateway's address within an hour.", err=True)


def _password() -> str:
    """Typed twice at a terminal; else the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
