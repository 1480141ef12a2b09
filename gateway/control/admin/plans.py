"""Plans: what `plans.toml` offers. They are changed there, not here."""

import msgspec
from msgspec import Struct, field

from gateway.catalog.plans import Plan as OfferedPlan
from gateway.control import plans
from gateway.control.admin.endpoint import Call, Endpoint, Nothing
from gateway.control.admin.front import FrontDesk


class Grant(Struct, frozen=True, kw_only=True):
    """One limit of a plan, for all keys of a workspace on it together. `window` is null for concurrency."""

    metric: str
    model_class: str = field(name="class")
    window: str | None
    amount: str


class Plan(Struct, frozen=True, kw_only=True):
    """A named set of limits. `keys` bounds the keys of a workspace in force; `mass_mint` allows several in one call."""

    name: str
    display_name: str
    keys: int
    mass_mint: bool
    limits: list[Grant]


class Plans(Struct, frozen=True):
    """All plans, in the order of the file."""

    data: list[Plan]


def list_plans(front: FrontDesk, call: Call[Nothing, Nothing]) -> Plans:
    return Plans([view(plan) for plan in front.desk.plans.offered()])


def show(front: FrontDesk, call: Call[Nothing, Nothing]) -> Plan:
    return view(front.desk.plans.find(call.path["name"]))


def view(plan: OfferedPlan) -> Plan:
    return msgspec.convert(plans.view(plan), Plan)


ENDPOINTS = (
    Endpoint("GET", "/admin/v1/plans", "List all plans", list_plans, Plans),
    Endpoint("GET", "/admin/v1/plans/{name}", "Show a plan", show, Plan),
)
