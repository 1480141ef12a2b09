"""Live figures: by polling with tags, and by events."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from gateway.control.admin import live
from tests.control.admin.figured import Shown, shown
from tests.control.office import wait_for

EVENTS = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def books() -> Iterator[Shown]:
    with shown() as made:
        yield made


def test_the_first_answer_has_the_latest_requests_and_the_next_one_none(books: Shown) -> None:
    first = books.get("live", since="24h")
    assert first["totals"]["requests"] == 40
    assert len(first["requests"]) == 40
    assert first["streams_open"] == 0
    assert [one["state"] for one in first["pool"]] == ["healthy"]
    again = books.get("live", since="24h", cursor=first["cursor"])
    assert again["requests"] == []
    assert again["cursor"] == first["cursor"]
    some = books.get("live", since="24h", cursor=int(first["cursor"]) - 3)
    assert some["requests"] == first["requests"][:3]


def test_whoever_has_the_answer_is_told_so(books: Shown) -> None:
    with books.control.admin as client:
        first = client.get("/admin/v1/live?cursor=40")
        tag = first.headers["etag"]
        again = client.get("/admin/v1/live?cursor=40", headers={"if-none-match": f'"x", W/{tag}'})
        other = client.get("/admin/v1/live?cursor=39", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert other.status_code == 200


@pytest.mark.parametrize("query", ["since=2h", "cursor=x", "cursor=-1", "cursor=99999999999999999999", "tz=Mars", "x=1"])
def test_odd_questions_are_400(books: Shown, query: str) -> None:
    with books.control.admin as client:
        assert client.get(f"/admin/v1/live?{query}").status_code == 400
        assert client.get(f"/admin/v1/live/events?{query}", headers=EVENTS).status_code == 400


def test_whoever_does_not_know_events_gets_none(books: Shown) -> None:
    with books.control.admin as client:
        assert client.get("/admin/v1/live/events").status_code == 400


def first_event(response: httpx.Response) -> dict[str, str]:
    lines: list[str] = []
    for line in response.iter_lines():
        if not line:
            break
        lines.append(line)
    return dict(line.split(": ", 1) for line in lines)


def test_events_begin_behind_the_last_one_that_was_seen(books: Shown) -> None:
    with books.control.admin as client:
        with client.stream("GET", "/admin/v1/live/events?since=24h", headers=EVENTS) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            event = first_event(response)
        assert (event["event"], event["id"]) == ("live", "40")
        assert json.loads(event["data"]) == books.get("live", since="24h")
        with client.stream("GET", "/admin/v1/live/events?since=24h", headers=EVENTS | {"last-event-id": "38"}) as response:
            assert len(json.loads(first_event(response)["data"])["requests"]) == 2
        with client.stream("GET", "/admin/v1/live/events", headers=EVENTS | {"last-event-id": "nonsense"}) as response:
            assert first_event(response)["id"] == "40"


def test_there_are_only_so_many_streams(books: Shown) -> None:
    with books.control.admin as client:
        with ExitStack() as stack:
            held = []

            def full() -> bool:
                response = stack.enter_context(client.stream("GET", "/admin/v1/live/events", headers=EVENTS))
                held.append(response.iter_bytes())
                return not next(held[-1]).startswith(b"event: live") and response.status_code == 429

            wait_for(full)
            assert len(held) <= live.STREAMS_PER_ASKER + 1

        def free() -> bool:
            with client.stream("GET", "/admin/v1/live/events", headers=EVENTS) as response:
                return response.status_code == 200

        wait_for(free, 20)
