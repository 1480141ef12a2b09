"""`gateway usage`: who used what, from the books."""

from pathlib import Path

import click
import orjson

from gateway.cli.door import data_dir_option, open_door
from gateway.cli.table import print_table
from gateway.control.usage import GROUPS, UsageError, since_ns
from gateway.core.clock import SystemClock

TOKEN_COLUMNS = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens")
HEADINGS = ["requests", "errors", "input", "cache read", "write 5m", "write 1h", "output", "cost USD"]


@click.command()
@click.option(
    "--since", default="7d", show_default=True, help="How far back: 30m, 24h, 7d, 4w, or a date such as 2026-11-21 (UTC)."
)
@click.option(
    "--by", type=click.Choice(GROUPS), default="key", show_default=True, help="What the totals are taken over; days are UTC."
)
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all rows.")
def usage(since: str, by: str, data_dir: Path, as_json: bool) -> None:
    """Show requests, errors, tokens of each class and cost."""
    try:
        since_ns(since, SystemClock().wall_ns())
    except UsageError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    with open_door(data_dir) as door:
        rows = list(door.all("usage", since=since, by=by))
    if as_json:
        click.echo(orjson.dumps({"by": by, "since": since, "rows": rows}))
        return
    figures = [[row["requests"], row["errors"], *(row[name] for name in TOKEN_COLUMNS), row["cost_usd"]] for row in rows]
    headings = ["name", by] if by in ("key", "workspace") else [by]
    labels = [[row[heading] for heading in headings] for row in rows]
    print_table(
        [*headings, *HEADINGS], [[*label, *line] for label, line in zip(labels, figures, strict=True)], left=len(headings)
    )
