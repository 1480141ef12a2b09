"""`gateway pool`: how the upstream keys stand, and orders about them."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.door import Door, data_dir_option, open_door
from gateway.cli.table import json_option, print_one, print_rows

FAILURES = ("failed", "overloaded", "refused", "unpaid")
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
        over = {one["provider"]: one for one in found["providers"]}
        rows = [at_model(key, lane, over[key["provider"]]) for key in found["data"] for lane in key["models"]]
        columns = ["provider", "number", "model", "state", "out_s"]
        print_rows(rows, columns, as_json, numbers=["success", "ttft_ms", "tokens_per_s", "left"], empty="nothing was asked yet")
        return
    rows = found["data"] if as_json else [shown(key, found["providers"]) for key in found["data"]]
    print_rows(rows, ["provider", "number", "state", "out_s"], as_json, numbers=FIGURES, empty="no upstream has a key")
    if not as_json and any(" at " in row["state"] for row in rows):
        click.echo("--models shows how each key stands at each model", err=True)


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
        print_key(ordered(door, provider, number, "drain"), as_json)


@pool.command()
@click.argument("provider")
@click.argument("number", type=click.IntRange(1))
@data_dir_option
@json_option
def resume(provider: str, number: int, data_dir: Path, as_json: bool) -> None:
    """Give a key calls again, at once, whatever kept it out. Where it is out still, the next call shows it."""
    with open_door(data_dir) as door:
        print_key(ordered(door, provider, number, "resume"), as_json)


def ordered(door: Door, provider: str, number: int, word: str) -> Any:
    return door.post("pool", provider, str(number), word)


def print_key(key: dict[str, Any], as_json: bool) -> None:
    """One key; a healthy one has no reason."""
    print_one(key if as_json else key | {"reason": key["reason"] or None}, as_json)


def shown(key: dict[str, Any], providers: list[dict[str, Any]]) -> dict[str, Any]:
    """A key with the words that matter: the operator's first, then its provider's, then its own, then those of single models.

    `failed` is all that came to nothing, so that calls add up.
    """
    key = key | {"failed": sum(key[name] for name in FAILURES)}
    provider = next(one for one in providers if one["provider"] == key["provider"])
    if key["drained"]:
        return key | {"state": "drained", "out_s": None}
    if provider["out_s"]:
        return key | {"state": f"provider {in_words(provider)}", "out_s": provider["out_s"]}
    if key["out_s"]:
        return key
    # What is out at a model comes before what is only to be probed: the provider, the key, the key at a model.
    lanes = [(lane["out_s"], f"provider {in_words(lane)}", lane["model"]) for lane in provider["models"] if lane["reason"]]
    lanes += [(lane["out_s"], in_words(lane), lane["model"]) for lane in key["models"] if lane["reason"]]
    out = [lane for lane in lanes if lane[0]]
    if not out and provider["reason"]:
        return key | {"state": f"provider {in_words(provider)}", "out_s": 0}
    if not lanes or (key["reason"] and not out):
        return key | {"state": in_words(key)}
    out_s, words, model = max(out or lanes)
    models = len({one for _, _, one in out or lanes})
    return key | {"state": f"{words} at {model}" if models == 1 else f"{words} at {models} models", "out_s": out_s}


def at_model(key: dict[str, Any], lane: dict[str, Any], provider: dict[str, Any]) -> dict[str, Any]:
    """A line of the longer list: what keeps the key from calls for this model, whoever's state that is.

    `left` is what is left of the scarcest limit, in per cent.
    """
    shares = [room["left"] / room["limit"] for room in lane["room"].values() if room["limit"]]
    whole = shown(key | {"models": []}, [provider | {"models": []}])
    over = next((one for one in provider["models"] if one["model"] == lane["model"] and one["reason"]), None)
    state = {"state": in_words(lane), "out_s": lane["out_s"]}
    if over is not None and over["out_s"] >= lane["out_s"]:
        state = {"state": f"provider {in_words(over)}", "out_s": over["out_s"]}
    if whole["state"] != "healthy" and (whole["out_s"] or not state["out_s"] or key["drained"]):
        state = {"state": whole["state"], "out_s": whole["out_s"]}
    named = {"provider": key["provider"], "number": key["number"]}
    return named | lane | state | {"left": f"{round(100 * min(shares))} %" if shares else None}


def in_words(standing: dict[str, Any]) -> str:
    """A state with why it was out, where the word alone does not say so: `due after limited`."""
    state, reason = standing["state"], standing["reason"]
    return state if reason in ("", state) else f"{state} after {reason}"
