"""`gateway pool`: how the upstream keys stand, and orders about them."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.door import Door, data_dir_option, open_door
from gateway.cli.table import json_option, print_one, print_rows

FIGURES = ["in_flight", "calls", "fine", "limited", "failed", "ttft_ms"]


@click.group()
def pool() -> None:
    """Show, test, drain and resume upstream keys. A key is named by its provider and its place in the variable, from 1."""


@pool.command("list")
@click.option("--models", "by_model", is_flag=True, help="A line for each model that a key has answered for.")
@data_dir_option
@json_option
def list_pool(by_model: bool, data_dir: Path, as_json: bool) -> None:
    """List upstream keys: how they stand and what they did."""
    with open_door(data_dir) as door:
        found = door.get("pool")
    if by_model:
        rows = [at_model(key, lane) for key in found["data"] for lane in key["models"]]
        columns = ["provider", "number", "model", "state", "out_s"]
        print_rows(rows, columns, as_json, numbers=["success", "ttft_ms", "tokens_per_s", "left"], empty="nothing was asked yet")
        return
    rows = found["data"] if as_json else [shown(key, found["providers"]) for key in found["data"]]
    print_rows(rows, ["provider", "number", "state", "out_s"], as_json, numbers=FIGURES, empty="no upstream has a key")


@pool.command()
@click.argument("provider")
@click.argument("number", type=click.IntRange(1))
@data_dir_option
@json_option
def test(provider: str, number: int, data_dir: Path, as_json: bool) -> None:
    """Ask the upstream whether it takes a key. One that it takes gets calls again."""
    with open_door(data_dir) as door:
        found = door.post("pool", provider, str(number), "test")
    print_one(found, as_json)
    if found["verdict"] not in ("taken", "unclear"):
        raise click.ClickException(f"key {number} of {provider} is {found['verdict']}")


@pool.command()
@click.argument("provider")
@click.argument("number", type=click.IntRange(1))
@data_dir_option
@json_option
def drain(provider: str, number: int, data_dir: Path, as_json: bool) -> None:
    """Give a key no more calls, until it is resumed. Those under way end by themselves."""
    with open_door(data_dir) as door:
        print_one(ordered(door, provider, number, "drain"), as_json)


@pool.command()
@click.argument("provider")
@click.argument("number", type=click.IntRange(1))
@data_dir_option
@json_option
def resume(provider: str, number: int, data_dir: Path, as_json: bool) -> None:
    """Give a key calls again, at once, whatever kept it out."""
    with open_door(data_dir) as door:
        print_one(ordered(door, provider, number, "resume"), as_json)


def ordered(door: Door, provider: str, number: int, word: str) -> Any:
    return door.post("pool", provider, str(number), word)


def shown(key: dict[str, Any], providers: list[dict[str, Any]]) -> dict[str, Any]:
    """A key with the one word that matters: the operator's first, then its provider's, then its own."""
    provider = next(one for one in providers if one["provider"] == key["provider"])
    if key["drained"]:
        return key | {"state": "drained", "out_s": None}
    if provider["out_s"]:
        return key | {"state": f"provider {provider['state']}", "out_s": provider["out_s"]}
    return key


def at_model(key: dict[str, Any], lane: dict[str, Any]) -> dict[str, Any]:
    """A line of the longer list. `left` is what is left of the scarcest limit, in per cent."""
    shares = [room["left"] / room["limit"] for room in lane["room"].values() if room["limit"]]
    named = {"provider": key["provider"], "number": key["number"]}
    return named | lane | {"left": f"{round(100 * min(shares))} %" if shares else None}
