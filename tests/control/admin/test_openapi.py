import re
from typing import Any

from gateway.control.admin.endpoint import Nothing
from gateway.control.admin.endpoints import ENDPOINTS
from tests.control.served import ControlPlane


def refs(node: Any) -> set[str]:
    """Every reference in a document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(refs(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(refs(value) for value in node)) if node else set()
    return set()


def test_every_operation_is_on_the_page(served: ControlPlane) -> None:
    with served.admin as client:
        page = client.get("/admin/openapi.json").json()
    assert page["openapi"] == "3.1.0"
    told = {f"{method.upper()} {path}" for path, row in page["paths"].items() for method in row}
    assert told == {endpoint.key for endpoint in ENDPOINTS}
    names = [row["operationId"] for path in page["paths"].values() for row in path.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"\w+", name) for name in names)


def test_what_is_told_of_an_operation_is_what_it_is(served: ControlPlane) -> None:
    with served.admin as client:
        page = client.get("/admin/openapi.json").json()
    for endpoint in ENDPOINTS:
        row = page["paths"][endpoint.path][endpoint.method.lower()]
        assert row["summary"] == endpoint.summary
        assert row["responses"].keys() == {str(endpoint.status), "default"}
        assert ("requestBody" in row) == (endpoint.body is not Nothing)
        told = {(parameter["in"], parameter["name"]) for parameter in row["parameters"]}
        assert {name for place, name in told if place == "path"} == set(re.findall(r"\{(\w+)\}", endpoint.path))
        assert {name for place, name in told if place == "query"} == set(endpoint.query.__struct_encode_fields__)
        assert (("header", "Idempotency-Key") in told) == endpoint.makes


def test_a_refusal_has_the_shape_that_the_page_tells(served: ControlPlane) -> None:
    with served.admin as client:
        page = client.get("/admin/openapi.json").json()
        refused = client.post(
            "/admin/v1/limits", json={"workspace": "default", "metric": "cost", "amount": "1", "window": "week"}
        )
    assert refused.status_code == 400
    assert refused.json()["error"] == {
        "type": "invalid_request_error",
        "message": "unknown window `week`, expected one of minute, 5h, day, month, total",
        "code": "limit.window",
    }
    told = page["components"]["schemas"]["ErrorFacts"]
    assert told["properties"].keys() == refused.json()["error"].keys()
    assert told["required"] == ["type", "message"]


def test_every_reference_leads_somewhere(served: ControlPlane) -> None:
    with served.admin as client:
        page = client.get("/admin/openapi.json").json()
    found = refs(page)
    assert found
    assert all(re.fullmatch(r"\w+", name) for name in page["components"]["schemas"])
    for ref in found:
        node = page
        for step in ref.removeprefix("#/").split("/"):
            node = node[step]
        assert node["type"] == "object" or "anyOf" in node
