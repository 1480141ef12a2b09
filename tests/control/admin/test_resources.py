"""Every operation against hostile input, and every answer against the views it is made of."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.control import credits, limits, plans, workspaces
from gateway.control.admin import credits as credits_endpoints
from gateway.control.admin import keys as keys_endpoints
from gateway.control.admin import ledger as ledger_endpoints
from gateway.control.admin import limits as limits_endpoints
from gateway.control.admin import members as members_endpoints
from gateway.control.admin import plans as plans_endpoints
from gateway.control.admin import workspaces as workspaces_endpoints
from gateway.control.admin.endpoint import Endpoint, Nothing
from gateway.control.admin.endpoints import ENDPOINTS
from gateway.control.books import ledger, verify
from gateway.control.credits import PurchaseOrder
from gateway.control.keys import Order
from gateway.control.limits import LimitOrder
from gateway.control.workspaces import MemberOrder, WorkspaceOrder
from tests.control.office import Office
from tests.control.served import ControlPlane

HOSTILE = [
    b"", b"null", b"[]", b'"x"', b"1", b"{", b"[" * 60_000, b'{"a":' * 10_000, b'{"name": NaN}', b'{"name": "\xff"}',
    b'{"name": "\\ud800"}', b'{"name": ' + b"9" * 5000 + b"}", b'{"name": "a", "name": "b"}', b'{"name": {"$gt": ""}}',
    b'{"is_admin": true}', b'{"__proto__": {}}', b'{"name": "a\\u0000b"}', b'{"name": "' + b"a" * 50_000 + b'"}', b"{} {}",
]  # fmt: skip


def target(endpoint: Endpoint[Any, Any]) -> str:
    return re.sub(r"\{\w+\}", "none_0000000000000000000000", endpoint.path)


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.method != "GET"], ids=lambda endpoint: endpoint.key)
def test_hostile_bodies_are_refused(served: ControlPlane, endpoint: Endpoint[Any, Any]) -> None:
    """R9: never a 5xx; what is no body of this operation changes nothing."""
    with served.admin as client:
        for body in HOSTILE:
            answer = client.request(endpoint.method, target(endpoint), content=body)
            # An empty body is an empty object, which is enough where nothing is needed.
            allowed = (200, 400, 404) if body == b"" else (400, 404)
            assert answer.status_code in allowed, (body[:40], answer.text)
            assert "Traceback" not in answer.text
        too_long = client.request(endpoint.method, target(endpoint), content=b" " * 70_000)
        assert too_long.status_code == 413


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.key)
def test_hostile_queries_are_no_bugs(served: ControlPlane, endpoint: Endpoint[Any, Any]) -> None:
    forbidden = endpoint.query.__struct_config__.forbid_unknown_fields
    with served.admin as client:
        for query in ("limit=" + "9" * 40, "limit=-1", "after=\u0665", "after=%00", "x=1&x=1", "a" * 3000, "&" * 600, "%zz=%ff"):
            answer = client.request(endpoint.method, f"{target(endpoint)}?{query}")
            assert answer.status_code < 500, (query[:40], answer.text)
        if forbidden and endpoint.method == "GET":
            assert client.get(f"{target(endpoint)}?colour=red").status_code == 400
        assert client.request(endpoint.method, f"{target(endpoint)}?" + "&".join(f"p{n}=1" for n in range(600))).status_code < 500


NAMES = [
    "<script>alert(1)</script>",
    '=HYPERLINK("http://a.test")',
    "'; DROP TABLE keys; --",
    "{{7*7}}",
    "${jndi:x}",
    "\u202etxt",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_ever_names(served: ControlPlane, name: str) -> None:
    """R11: what would be a script, a formula or a statement elsewhere comes back as it was, as plain JSON."""
    with served.admin as client:
        answer = client.post("/admin/v1/keys", json={"name": name})
        if not name.isprintable():
            assert answer.status_code == 400
            return
        [key] = answer.json()["data"]
        shown = client.get(f"/admin/v1/keys/{key['id']}")
        assert shown.json()["name"] == name
        assert shown.headers["content-type"] == "application/json"
        assert shown.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [
    "keys/%2e%2e/keys", "keys/..", "keys/a%2Fb", "keys/%00", "keys/" + "a" * 5000, "workspaces/%ff", "limits/-1", "limits/1e3",
    "ledger/postings/99999999999999999999", "receipts/req_", "plans/%0a",
])  # fmt: skip
def test_odd_paths_are_no_bugs(served: ControlPlane, path: str) -> None:
    with served.admin as client:
        for method in ("GET", "POST", "DELETE"):
            assert client.request(method, f"/admin/v1/{path}").status_code in (400, 404, 405), path


def covers(shape: Any, shown: dict[str, Any], *extra: str) -> None:
    """The answer's struct has every member of the view it is made of, and no other."""
    assert set(shape.__struct_encode_fields__) == shown.keys() | set(extra)
    msgspec.convert(shown, shape)


def test_answers_leave_nothing_out(office: Office) -> None:
    desk = office.desk()
    workspace = desk.workspaces.create(WorkspaceOrder(name="w"))
    [minted] = desk.keys.mint(Order(name="a", workspace="w", plan="pro", rpm=1))
    usual = tuple(keys_endpoints.USUAL)
    covers(keys_endpoints.Key, desk.keys.view(minted.record), *usual)
    covers(keys_endpoints.MintedKey, desk.keys.view_minted(minted), *usual)
    limit = desk.limits.set_for_workspace(workspace, LimitOrder(metric="cost", window="day", amount=1))
    covers(limits_endpoints.Limit, limits.view(limit))
    covers(limits_endpoints.Standing, limits.view(limit, desk.limits.standing(limit)))
    covers(workspaces_endpoints.Workspace, workspaces.view(workspace))
    covers(members_endpoints.Member, workspaces.view_member(desk.workspaces.add_member("w", MemberOrder(email="a@b.test"))))
    [plan, *_] = desk.plans.offered()
    covers(plans_endpoints.Plan, plans.view(plan))
    covers(plans_endpoints.Grant, plans.view(plan)["limits"][0])
    covers(credits_endpoints.Lot, credits.view(desk.credits.buy(workspace, PurchaseOrder(amount_usd="10"))))
    balance = credits.view_balance(desk.credits.balance(workspace))
    assert set(credits_endpoints.Balance.__struct_fields__) == balance.keys() | {"workspace_id", "billing", "tier"}
    posting, entries = desk.ledger.postings()[0]
    covers(ledger_endpoints.Posting, ledger.view(posting, entries))
    covers(ledger_endpoints.Entry, ledger.view(posting, entries)["entries"][0])
    covers(ledger_endpoints.Account, ledger.view_account(desk.ledger.accounts()[0]))
    report = verify.Report(differences=[verify.Difference("a", "b", "c", "d", {"e": 1})])
    covers(ledger_endpoints.Proof, verify.view(report))
    covers(ledger_endpoints.Difference, verify.view(report)["differences"][0])


def test_every_operation_says_what_it_is() -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.summary
        assert endpoint.summary[0].isupper()
        assert isinstance(endpoint.act, Callable)  # type: ignore[arg-type]
        assert (endpoint.body is Nothing) or endpoint.method == "POST"
        assert not endpoint.makes or endpoint.method == "POST"
        # What makes something shows it, and may be sent twice.
        assert endpoint.status != 201 or endpoint.makes


def test_pages_hold_together(served: ControlPlane) -> None:
    """Every list with `after`: page by page it is the same list."""
    with served.admin as client:
        for number in range(3):
            client.post("/admin/v1/workspaces", json={"name": f"page {number}", "billing": "prepaid"})
            client.post("/admin/v1/workspaces/page 0/members", json={"email": f"{number}@pages.test"})
            client.post("/admin/v1/credits", json={"workspace": "page 0", "amount_usd": "5"})
            client.post("/admin/v1/keys", json={"name": "paged", "workspace": "page 0"})
        lists: tuple[tuple[str, dict[str, str]], ...] = (
            ("workspaces", {}),
            ("workspaces/page 0/members", {}),
            ("credits", {"workspace": "page 0"}),
            ("keys", {"workspace": "page 0"}),
            ("ledger", {"workspace": "page 0"}),
            ("ledger/accounts", {}),
        )
        for path, query in lists:
            whole = client.get(f"/admin/v1/{path}", params={"limit": "1000"} | query).json()["data"]
            assert len(whole) >= 3, path
            found: list[Any] = []
            after: dict[str, str] = {}
            while True:
                page = client.get(f"/admin/v1/{path}", params={"limit": "2"} | query | after).json()
                found += page["data"]
                if page["next"] is None:
                    break
                after = {"after": page["next"]}
            assert found == whole, path
