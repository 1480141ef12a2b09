"""Where the results of a batch lie."""

import json

import pytest

from gateway.dialects.anthropic.batches import point_at

ORIGIN = b"http://gateway:8080"
HERE = "http://gateway:8080/v1/messages/batches/msgbatch_1/results"


@pytest.mark.parametrize("place", ["https://api.anthropic.com", "http://127.0.0.1:9", "https://[::1]:8443"])
def test_results_are_fetched_where_the_batch_was(place: str) -> None:
    body = b'{"id":"msgbatch_1",  "results_url" : "%b/v1/messages/batches/msgbatch_1/results","x":1 }' % place.encode()
    moved = point_at(body, ORIGIN)
    assert json.loads(moved) == {"id": "msgbatch_1", "results_url": HERE, "x": 1}
    assert moved == body.replace(place.encode(), ORIGIN)


def test_every_batch_of_a_list_is_moved() -> None:
    body = b'{"data":[{"results_url":"https://a.b/1"},{"results_url":null},{"results_url":"https://a.b/2"}]}'
    assert point_at(body, ORIGIN) == body.replace(b"https://a.b", ORIGIN)


@pytest.mark.parametrize("body", [b"", b"not json", b'{"results_url":null}', b'{"a":"\\"results_url\\": \\"https://a.b/1"}'])
def test_anything_else_stays_as_it_is(body: bytes) -> None:
    assert point_at(body, ORIGIN) == body
