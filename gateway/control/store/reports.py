"""Sums over request rows in buckets of time, by any of a few dimensions. Functions of a connection that change nothing."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# What a row can be grouped and restricted by. The keys and workspaces of rows that a restored backup does not know have no id.
_DIMENSIONS = {
    "api_key_id": "(SELECT public_id FROM keys WHERE keys.id = requests.key_id)",
    "workspace_id": "(SELECT public_id FROM workspaces WHERE workspaces.id = requests.workspace_id)",
    "model": "coalesce(nullif(model_served, ''), model_asked)",
    "context_window": "CASE WHEN input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens > 200000 "
    "THEN '200k-1M' ELSE '0-200k' END",
}
DIMENSIONS = tuple(_DIMENSIONS)


class Sums(NamedTuple):
    """One group in one bucket. `bucket` is its number since the epoch in widths; a dimension that was not grouped by is None."""

    bucket: int
    api_key_id: str | None
    workspace_id: str | None
    model: str | None
    context_window: str | None
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_nanodollars: int


def sums(
    connection: sqlite3.Connection,
    start_s: int,
    end_s: int,
    width_s: int,
    by: Sequence[str],
    only: Mapping[str, Sequence[str]],
    limit: int,
) -> list[Sums]:
    """At most `limit` groups of [start_s, end_s), in order of their buckets, without those that used nothing.

    `by` and the keys of `only` are among DIMENSIONS; a dimension in `only` must have one of the values.
    """
    columns = [f"{expression} AS d_{name}" if name in by else f"NULL AS d_{name}" for name, expression in _DIMENSIONS.items()]
    wheres = [f"{_DIMENSIONS[name]} IN ({', '.join('?' * len(values))})" for name, values in only.items()]
    statement = f"""
SELECT started_ns / 1000000000 / ? AS bucket, {", ".join(columns)},
       sum(input_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(output_tokens),
       sum(cost_nanodollars)
FROM requests WHERE {" AND ".join(["started_ns >= ?", "started_ns < ?", *wheres])}
GROUP BY bucket, {", ".join(f"d_{name}" for name in _DIMENSIONS)}
HAVING sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens + output_tokens) > 0
    OR sum(cost_nanodollars) > 0
ORDER BY bucket, {", ".join(f"d_{name}" for name in _DIMENSIONS)} LIMIT ?
"""  # noqa: S608 (names of this module; every value is a parameter)
    values = [width_s, start_s * 1_000_000_000, end_s * 1_000_000_000]
    return [Sums(*row) for row in connection.execute(statement, [*values, *(v for some in only.values() for v in some), limit])]
