from typing import Any

import pytest

from gateway.simulator.models import CATALOGUE, listing, one, page
from gateway.simulator.prompt import Refusal


def _ids(listed: dict[str, Any]) -> list[str]:
    return [model["id"] for model in listed["data"]]


def test_all_pages_forward_are_the_catalogue() -> None:
    names: list[str] = []
    query: dict[str, list[str]] = {"limit": ["4"]}
    while True:
        listed = listing(query)
        names += _ids(listed)
        assert (listed["first_id"], listed["last_id"]) == (_ids(listed)[0], _ids(listed)[-1])
        if not listed["has_more"]:
            break
        query["after_id"] = [listed["last_id"]]
    assert names == list(CATALOGUE)


def test_a_page_backwards_ends_before_its_cursor() -> None:
    names = list(CATALOGUE)
    listed = listing({"limit": ["2"], "before_id": [names[4]]})
    assert (_ids(listed), listed["has_more"]) == (names[2:4], True)
    assert listing({"before_id": [names[1]]})["has_more"] is False


def test_lifecycle_narrows() -> None:
    assert _ids(listing({"lifecycle[]": ["deprecated", "retired"]})) == ["claude-sonnet-4-5-20250929"]


def test_the_newest_is_first() -> None:
    created = [model["created_at"] for model in CATALOGUE.values()]
    assert created == sorted(created, reverse=True)


def test_an_alias_resolves_and_an_unknown_id_is_missing() -> None:
    assert one("claude-haiku-4-5")["id"] == "claude-haiku-4-5-20251001"
    with pytest.raises(Refusal) as refusal:
        one("claude-nine")
    assert (refusal.value.status, refusal.value.text) == (404, "model: claude-nine")


@pytest.mark.parametrize(
    "query", [{"limit": ["0"]}, {"limit": ["1001"]}, {"limit": ["x"]}, {"limit": ["²"]}, {"after_id": ["nobody"]}]
)
def test_a_bad_query_is_refused(query: dict[str, list[str]]) -> None:
    with pytest.raises(Refusal):
        page([], query)


def test_an_empty_page_has_no_ends() -> None:
    assert page([], {}) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
