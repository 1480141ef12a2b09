"""Plans in use: which workspace is on which plan, and the limits that follow from `plans.toml`.

A workspace is on a plan once, however many of its keys are; they share its limits, and the plan says how many keys may be in
force. What the file says is made true at every start; a plan that is no longer in the file keeps the limits it had last.
"""

from dataclasses import replace
from typing import Any

import msgspec
import structlog

from gateway.catalog import measures
from gateway.catalog.plans import Grant, Plan, Plans, Tier
from gateway.control.limits import Limits
from gateway.control.orders import MissingError, Name, OrderError
from gateway.control.store import LimitRecord, PlanInstance, Store, WorkspaceRecord
from gateway.control.store import credits as lot_rows
from gateway.control.store import keys as key_rows
from gateway.control.store import limits as limit_rows
from gateway.control.store import workspaces as rows
from gateway.core.clock import Clock


class PlanOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The plan that keys of a workspace get which ask for none; null for none."""

    plan: Name | None


class PlansInUse:
    """The plans of this installation."""

    def __init__(self, store: Store, plans: Plans, limits: Limits, clock: Clock) -> None:
        self._store = store
        self._plans = plans
        self._limits = limits
        self._clock = clock
        limits.follow(self._own_limits_changed)

    def offered(self) -> tuple[Plan, ...]:
        """What `plans.toml` offers, in its order."""
        return tuple(self._plans)

    def find(self, name: str) -> Plan:
        """A plan by its name. Raises MissingError, which says what there is."""
        plan = self._plans.find(name)
        if plan is None:
            names = ", ".join(self._plans.names) or "none"
            raise MissingError("plan.missing", "there is no plan {name!r}; plans.toml has {choices}", name=name, choices=names)
        return plan

    def place(self, workspace: WorkspaceRecord, name: str, new_keys: int) -> PlanInstance:
        """The workspace's place on a plan for `new_keys` more keys, with its limits. To be called inside a transaction.

        Raises OrderError when the plan has no room for that many keys or no right to mint several at once.
        """
        plan = self.find(name)
        now_s = self._clock.wall_ns() // 1_000_000_000
        if new_keys > 1 and not plan.mass_mint:
            raise OrderError("plan.one_at_a_time", "the plan {plan} mints one key at a time", plan=plan.name)
        with self._store.transaction() as connection:
            instance = rows.plan_instance(connection, workspace.id, plan.name, now_s)
            there = key_rows.count_on_plan(connection, instance.id, now_s)
            if there + new_keys > plan.keys:
                raise OrderError(
                    "plan.full",
                    "the plan {plan} allows {count} keys in force per workspace, and {workspace!r} has {there}",
                    plan=plan.name,
                    count=plan.keys,
                    workspace=workspace.name,
                    there=there,
                )
            self._limits.grant(workspace.id, "plan", instance.id, "plan", plan.grants)
        return instance

    def set_default(self, workspace: WorkspaceRecord, order: PlanOrder) -> WorkspaceRecord:
        """Sets the plan that new keys get which ask for none. Raises OrderError, StoreError."""
        changed = replace(workspace, plan=None if order.plan is None else self.find(order.plan).name)
        with self._store.transaction() as connection:
            rows.change(connection, changed)
        return changed

    def instances(self, workspace: WorkspaceRecord) -> list[PlanInstance]:
        """The plans that a workspace has been on."""
        with self._store.reading() as connection:
            return rows.plan_instances(connection, workspace.id)

    def tier_of(self, workspace: WorkspaceRecord) -> Tier | None:
        """The rate tier of a prepaid workspace; None for an open one."""
        if workspace.billing != "prepaid":
            return None
        with self._store.reading() as connection:
            return self._plans.tier(lot_rows.paid(connection, workspace.id))

    def apply_tier(self, workspace: WorkspaceRecord) -> list[LimitRecord]:
        """Gives a workspace the limits of its tier, but for those that it has limits of its own for. Raises OrderError."""
        tier = self.tier_of(workspace)
        grants: tuple[Grant, ...] = () if tier is None else tier.grants
        with self._store.transaction() as connection:
            own = {one.kind for one in limit_rows.of_owner(connection, "workspace", workspace.id) if one.source == "own"}
            granted = [grant for grant in grants if grant.kind not in own]
            return self._limits.grant(workspace.id, "workspace", workspace.id, "tier", granted)

    def apply_all(self) -> None:
        """Makes every plan and tier in use be what the file says now."""
        with self._store.transaction() as connection:
            for instance in rows.plan_instances(connection):
                plan = self._plans.find(instance.plan)
                if plan is None:
                    structlog.get_logger().warning("plan in use is not in plans.toml; its limits stay", plan=instance.plan)
                    continue
                self._limits.grant(instance.workspace_id, "plan", instance.id, "plan", plan.grants)
            for workspace in rows.page(connection):
                self.apply_tier(workspace)

    def _own_limits_changed(self, workspace_id: int) -> None:
        workspace = rows.numbered(self._store.connection, workspace_id)
        assert workspace is not None
        self.apply_tier(workspace)


def view(plan: Plan) -> dict[str, Any]:
    """A plan as shown to people and scripts."""
    return {
        "name": plan.name,
        "display_name": plan.display_name,
        "keys": plan.keys,
        "mass_mint": plan.mass_mint,
        "limits": [view_grant(grant) for grant in plan.grants],
    }


def view_tier(tier: Tier) -> dict[str, Any]:
    """A rate tier as shown to people and scripts."""
    return {
        "name": tier.name,
        "paid_usd": measures.write_amount("cost", tier.paid_nanodollars),
        "limits": [view_grant(grant) for grant in tier.grants],
    }


def view_grant(grant: Grant) -> dict[str, Any]:
    return {
        "metric": grant.metric,
        "class": grant.model_class,
        "window": None if grant.metric == "concurrency" else grant.window,
        "amount": measures.write_amount(grant.metric, grant.amount),
    }
