"""All operations of the admin interface."""

from typing import Any

from gateway.control.admin import (
    accounts,
    admin_keys,
    changes,
    credits,
    figures,
    keys,
    ledger,
    limits,
    live,
    members,
    models,
    openapi,
    plans,
    pool,
    reload,
    requests,
    status,
    usage,
    why,
    workspaces,
)
from gateway.control.admin.endpoint import Endpoint
from gateway.control.admin.organization import account, api_keys, cost_report, people, usage_report
from gateway.control.admin.organization import workspaces as organization_workspaces
from gateway.control.release import version

_RESOURCES = (
    keys,
    limits,
    workspaces,
    members,
    plans,
    credits,
    ledger,
    usage,
    figures,
    requests,
    why,
    live,
    models,
    pool,
    status,
    reload,
    admin_keys,
    accounts,
    changes,
)
_ORGANIZATION = (account, api_keys, organization_workspaces, people, usage_report, cost_report)
_ALL = (*_RESOURCES, *_ORGANIZATION)
_OPERATIONS: tuple[Endpoint[Any, Any], ...] = tuple(row for resource in _ALL for row in resource.ENDPOINTS)

ENDPOINTS: tuple[Endpoint[Any, Any], ...] = (*_OPERATIONS, openapi.endpoint(_OPERATIONS, version()))
