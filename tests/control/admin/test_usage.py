import pytest

from tests.control.served import ControlPlane


@pytest.mark.parametrize("query", [
    "since=yesterday", "since=", "by=owner", "by=", "by", "by=%ff", "by=key&after=x",
    "limit=0", "limit=-1", "limit=1_0", "limit=\u0665", "limit=" + "9" * 99, "limit=1&limit=2", "colour=red",
])  # fmt: skip
def test_odd_questions_are_400(served: ControlPlane, query: str) -> None:
    with served.admin as client:
        assert client.get(f"/admin/v1/usage?{query}").status_code == 400


def test_usage_is_empty_at_first(served: ControlPlane) -> None:
    with served.admin as client:
        assert client.get("/admin/v1/usage").json() == {"by": "key", "data": [], "next": None}


def test_status_is_here_too(served: ControlPlane) -> None:
    with served.admin as client:
        assert client.get("/admin/v1/status").json()["books"]["failing"] is False
