"""Plans: named sets of limits, how messages weigh, rate tiers, and the terms of prepaid credits.

Owns the reading of `plans.toml`. Knows nothing of workspaces, keys or what was used: it says what a plan grants, others see to it
that it is granted.

A plan is nothing but limits with a name, and two rules about keys. A tier is nothing but limits that begin at a sum paid.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.catalog import measures
from gateway.catalog.document import Document, Table
from gateway.catalog.models import LINES
from gateway.core.refusals import Refusal

LIMITS_PER_PLAN_MAX = 8  # what fits behind one anchor of the shared file
LIMITS_PER_TIER_MAX = 4  # a workspace's eight hold its own limits and its credits too
KEYS_MAX = 10_000
WEIGHT_MAX = 1000 * measures.THOUSANDTHS

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Grant:
    """One limit of a plan or tier, in the words of `measures`; the amount in its metric's own unit."""

    metric: str
    model_class: str
    window: str
    amount: int

    @property
    def kind(self) -> tuple[str, str, str]:
        """What is limited, without how much."""
        return (self.metric, self.model_class, self.window)


@dataclass(frozen=True, slots=True)
class Plan:
    """A named set of limits. `keys` bounds the keys in force per workspace; `mass_mint` allows several in one call."""

    name: str
    display_name: str
    keys: int
    mass_mint: bool
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Tier:
    """Limits of prepaid workspaces that have paid at least `paid_nanodollars`."""

    name: str
    paid_nanodollars: int
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class CreditTerms:
    """On which terms credits are sold."""

    purchase_min_nanodollars: int
    valid_months: int
    refund_days: int


class Plans:
    """All that `plans.toml` says."""

    def __init__(self, plans: tuple[Plan, ...], tiers: tuple[Tier, ...], weights: Mapping[str, int], terms: CreditTerms) -> None:
        self._plans = {plan.name: plan for plan in plans}
        self.tiers = tuple(sorted(tiers, key=lambda tier: tier.paid_nanodollars))
        self.weights = dict(weights)  # thousandths of a Sonnet message, by line of `models.toml`
        self.terms = terms

    def find(self, asked: str) -> Plan | None:
        """A plan by its name; capitals, and blanks for hyphens, make no difference (`Max 5x` is `max-5x`)."""
        return self._plans.get(asked.strip().lower().replace(" ", "-"))

    def __iter__(self) -> Iterator[Plan]:
        return iter(self._plans.values())

    def __len__(self) -> int:
        return len(self._plans)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._plans)

    def weight(self, line: str) -> int:
        """What one message to a model of this line counts for, in thousandths of a Sonnet message."""
        return self.weights[line]

    def tier(self, paid_nanodollars: int) -> Tier | None:
        """The highest tier that a sum paid has reached; None when there are no tiers."""
        return next((tier for tier in reversed(self.tiers) if tier.paid_nanodollars <= paid_nanodollars), None)

    def __repr__(self) -> str:
        return f"<Plans {', '.join(self._plans)}, {len(self.tiers)} tiers>"


def read(document: Document) -> Plans:
    """The plans of a `plans.toml`. Complaints are left in `document.problems`."""
    plans = [_read_plan(row) for row in document.root.tables("plan")]
    tiers = [_read_tier(row) for row in document.root.tables("tier")]
    _report_twins(document, "plan", [plan.name for plan in plans])
    _report_twins(document, "tier", [tier.name for tier in tiers])
    sums = [tier.paid_nanodollars for tier in tiers]
    for index, paid in enumerate(sums):
        if paid in sums[:index]:
            document.report(("tier", index, "paid_usd"), "two tiers begin at the same sum")
    if tiers and 0 not in sums:
        document.report(("tier", 0, "paid_usd"), 'one tier must begin at paid_usd = "0"')
    return Plans(tuple(plans), tuple(tiers), _read_weights(document), _read_terms(document))


def _read_plan(row: Table) -> Plan:
    plan = Plan(
        name=_name(row),
        display_name=row.text("display_name"),
        keys=row.whole("keys", 1, KEYS_MAX),
        mass_mint=row.yes_or_no("mass_mint"),
        grants=_read_grants(row, LIMITS_PER_PLAN_MAX),
    )
    row.close()
    return plan


def _read_tier(row: Table) -> Tier:
    tier = Tier(_name(row), _read_amount(row, "paid_usd", "cost"), _read_grants(row, LIMITS_PER_TIER_MAX))
    row.close()
    return tier


def _read_grants(row: Table, most: int) -> tuple[Grant, ...]:
    grants = []
    seen: set[tuple[str, str, str]] = set()
    for table in row.tables("limit"):
        grant = _read_grant(table)
        if grant is None:
            continue
        if grant.kind in seen:
            table.report(f"two limits of {grant.metric}, {grant.model_class}, {grant.window}", "metric")
        seen.add(grant.kind)
        grants.append(grant)
    if len(grants) > most:
        row.report(f"has {len(grants)} limits, at most {most} are possible", "limit")
    return tuple(grants)


def _read_grant(table: Table) -> Grant | None:
    metric = table.text("metric")
    window = table.text_or_none("window")
    model_class = table.text("class", measures.ALL)
    problems = len(table.document.problems)
    try:
        measures.check_metric(metric)
    except Refusal as error:
        if metric:
            table.report(str(error), "metric")
        table.expect("amount")
        table.close()
        return None
    try:
        window = measures.check_window(metric, window)
    except Refusal as error:
        table.report(str(error), "window")
    try:
        measures.check_class(model_class)
    except Refusal as error:
        table.report(str(error), "class")
    amount = _read_amount(table, "amount", metric)
    table.close()
    if len(table.document.problems) > problems:
        return None
    return Grant(metric, model_class, window or "", amount)


def _read_amount(table: Table, key: str, metric: str) -> int:
    written = table.amount(key)
    if written is None:
        return 0
    try:
        return measures.read_amount(metric, written)
    except Refusal as error:
        table.report(f"`{key}`: {error}", key)
        return 0


def _read_weights(document: Document) -> dict[str, int]:
    table = document.root.table("weights")
    if table is None:
        if not document.broken:
            document.root.report("`[weights]` is missing")
        return dict.fromkeys(LINES, measures.THOUSANDTHS)
    weights = {line: _read_amount(table, line, "messages") for line in LINES}
    for line, weight in weights.items():
        if weight > WEIGHT_MAX:
            table.report(f"`{line}` can weigh at most {measures.write_amount('messages', WEIGHT_MAX)}", line)
    table.close()
    return weights


def _read_terms(document: Document) -> CreditTerms:
    table = document.root.table("credits")
    if table is None:
        if not document.broken:
            document.root.report("`[credits]` is missing")
        return CreditTerms(0, 12, 30)
    terms = CreditTerms(
        purchase_min_nanodollars=_read_amount(table, "purchase_min_usd", "cost"),
        valid_months=table.whole("valid_months", 1, 1200),
        refund_days=table.whole("refund_days", 0, 36500),
    )
    table.close()
    return terms


def _name(row: Table) -> str:
    name = row.text("name")
    if "name" in row and not _NAME.fullmatch(name):
        row.report("`name` must be of lower-case letters, digits, `-` and `_`, at most 32", "name")
    return name


def _report_twins(document: Document, array: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name and name in names[:index]:
            document.report((array, index, "name"), f"`{name}` stands here twice")
