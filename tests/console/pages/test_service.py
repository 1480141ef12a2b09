"""The status page: what counts as up, days without calls, and its JSON."""

import json

from gateway.console.pages.service import DAY_S, DAYS, component, day_of
from tests.console.browser import Browser

NOW_S = 20_000 * DAY_S + 5


def test_days_are_judged_by_their_calls() -> None:
    assert day_of(1, 0, 0)["state"] == "no_data"
    assert day_of(1, 1000, 0)["state"] == "up"
    assert day_of(1, 995, 5)["state"] == "up"
    assert day_of(1, 994, 6)["state"] == "shaky"
    assert day_of(1, 95, 5)["state"] == "shaky"
    assert day_of(1, 94, 6)["state"] == "down"


def test_ninety_days_end_today() -> None:
    shown = component("x", "up", {20_000: (1, 0), 20_000 - DAYS + 1: (0, 1), 20_000 - DAYS: (7, 7)}, NOW_S)
    days = shown["days"]
    assert len(days) == DAYS
    assert (days[0]["state"], days[-1]["state"]) == ("down", "up")
    assert {day["state"] for day in days[1:-1]} == {"no_data"}
    assert shown["success"] == 0.5
    assert days[-1]["at"] == 20_000 * DAY_S
    assert component("x", "up", None, NOW_S)["days"] == []


def test_the_page_and_its_json_say_the_same(stranger: Browser) -> None:
    page, document = stranger.get("/service").text, stranger.get("/status.json").json()
    assert document["status"] == "down"  # no worker belongs to this control plane
    assert "Calls cannot be served" in page
    names = [one["name"] for one in document["components"]]
    assert names[:2] == ["api", "books"]
    assert "simulator" in names
    assert page.count('<svg class="days"') == len(names) - 1
    assert "sk-ant" not in json.dumps(document)


def test_idle_days_have_no_data(stranger: Browser) -> None:
    document = stranger.get("/status.json").json()
    api = document["components"][0]
    assert {day["state"] for day in api["days"]} == {"no_data"}
    assert api["success"] is None
