"""Rows as the rest of the control plane sees them, and the SQL that the writer and the readers share."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key about to be entered. Limits that are None do not apply; amounts of money in nanodollars."""

    public_id: str
    digest: bytes
    name: str
    shown_prefix: str
    shown_suffix: str
    expires_at_s: int = 0
    plan: str | None = None
    rpm: int | None = None
    itpm: int | None = None
    otpm: int | None = None
    budget_tokens: int | None = None
    budget_nanodollars: int | None = None
    concurrency: int | None = None

    def __repr__(self) -> str:
        return f"<NewKey {self.public_id} {self.shown_prefix}...{self.shown_suffix}>"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as stored. `digest` is the keyed hash; the key itself is nowhere."""

    id: int
    public_id: str
    digest: bytes
    name: str
    workspace_id: int
    workspace: str
    shown_prefix: str
    shown_suffix: str
    state: str
    created_at_s: int
    expires_at_s: int
    revoked_at_s: int | None
    plan: str | None
    rpm: int | None
    itpm: int | None
    otpm: int | None
    budget_tokens: int | None
    budget_nanodollars: int | None
    concurrency: int | None

    def __repr__(self) -> str:
        return f"<KeyRecord {self.public_id} {self.state} {self.shown_prefix}...{self.shown_suffix}>"


class RequestRow(NamedTuple):
    """One request as entered in the books, in the order of the columns of `requests`."""

    request_id: bytes
    started_ns: int
    duration_us: int
    ttft_us: int | None
    key_id: int
    status: int
    outcome: int
    fault: int
    flags: int
    attempts: int
    credential: int
    surface: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    request_bytes: int
    response_bytes: int
    model_asked: str
    model_served: str
    provider: str
    method: str
    path: str
    upstream_request_id: str
    cost_nanodollars: int
    price_list_id: int


class UsageTotal(NamedTuple):
    """Sums over the requests of one group. `after` is its place in the order, for the next page; `name` only keys have."""

    after: str | int
    label: str
    name: str | None
    requests: int
    errors: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_nanodollars: int


INSERT_REQUEST = f"INSERT OR IGNORE INTO requests VALUES ({','.join('?' * len(RequestRow._fields))})"  # noqa: S608 (constants of this module, here and below)

INSERT_KEY = """
INSERT INTO keys (public_id, digest, name, workspace_id, shown_prefix, shown_suffix, state, created_at_s, expires_at_s,
                  plan, rpm, itpm, otpm, budget_tokens, budget_nanodollars, concurrency)
VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

SELECT_KEYS = """
SELECT keys.id, public_id, digest, keys.name, workspace_id, workspaces.name, shown_prefix, shown_suffix, state, keys.created_at_s,
       expires_at_s, revoked_at_s, plan, rpm, itpm, otpm, budget_tokens, budget_nanodollars, concurrency
FROM keys JOIN workspaces ON workspaces.id = workspace_id
WHERE keys.id > ? ORDER BY keys.id LIMIT ?
"""

SELECT_KEY = SELECT_KEYS.replace("WHERE keys.id > ? ORDER BY keys.id LIMIT ?", "WHERE public_id = ?")

_SUMS = """
       count(*), sum(outcome NOT IN (1, 4) OR status >= 400), sum(input_tokens), sum(cache_read_tokens),
       sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(output_tokens), sum(cost_nanodollars)
"""

USAGE_START: dict[str, str | int] = {"key": -1, "model": "", "day": ""}  # what sorts before every group

# Each query pages by the group's own value, so rows that arrive between two pages move no boundary.
SELECT_USAGE = {
    "key": f"""
SELECT key_id, coalesce((SELECT public_id FROM keys WHERE keys.id = key_id), 'key ' || key_id),
       coalesce((SELECT name FROM keys WHERE keys.id = key_id), ''), {_SUMS}
FROM requests WHERE started_ns >= ? AND key_id > ? GROUP BY key_id ORDER BY key_id LIMIT ?
""",  # noqa: S608
    "model": f"""
SELECT coalesce(nullif(model_served, ''), nullif(model_asked, ''), '(none)') AS model,
       coalesce(nullif(model_served, ''), nullif(model_asked, ''), '(none)'), NULL, {_SUMS}
FROM requests WHERE started_ns >= ? AND model > ? GROUP BY model ORDER BY model LIMIT ?
""",  # noqa: S608
    "day": f"""
SELECT date(started_ns / 1000000000, 'unixepoch') AS day, date(started_ns / 1000000000, 'unixepoch'), NULL, {_SUMS}
FROM requests WHERE started_ns >= ? AND day > ? GROUP BY day ORDER BY day LIMIT ?
""",  # noqa: S608
}
