"""Lists of models of upstreams: what is asked over a real socket, and what of an answer is believed."""

import json
from typing import Any

import pytest

from gateway.catalog.offers import Listed
from gateway.catalog.providers import Origin, Provider, Secret
from gateway.simulator import SimulatorProcess
from gateway.upstream.model_list import MODELS_MAX, ask, read
from gateway.upstream.transport.question import NoAnswerError

SECRET = "sk-ant-list"


def test_both_makers_lists_of_a_real_upstream() -> None:
    with SimulatorProcess(keys=[SECRET]) as sim:
        port = int(sim.url.rpartition(":")[2])
        anthropic = Provider("a", "anthropic", Origin("http", "127.0.0.1", port), (Secret("sk-wrong"), Secret(SECRET)))
        (row,) = [row for row in ask(anthropic, 1) if row.id == "claude-sonnet-5-5"]
        assert row.display_name == "Claude Sonnet 5.5"
        assert row.facts["type"] == "model"
        openai = Provider("o", "openai_chat", Origin("http", "127.0.0.1", port, "/v1"), (Secret(SECRET),))
        assert Listed("gpt-5.5", "", 1_780_000_000) in ask(openai, 0)
        with pytest.raises(NoAnswerError, match="status 401"):
            ask(anthropic, 0)
    with pytest.raises(NoAnswerError, match="ConnectError"):
        ask(openai, 0)


def listed(*rows: Any) -> tuple[Listed, ...]:
    return read(json.dumps({"data": rows}).encode(), keep_facts=False)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":1}', b"<html>", b'{"data":null}'])
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(NoAnswerError):
        read(body, keep_facts=True)


@pytest.mark.parametrize("row", [1, None, {}, {"id": 5}, {"id": ""}, {"id": "a\nb"}, {"id": "x" * 300}, {"id": "m\u00f6del"}])
def test_rows_that_are_no_models_are_passed_over(row: Any) -> None:
    assert listed(row, {"id": "right"}) == (Listed("right"),)


@pytest.mark.parametrize(
    ("said", "created_s"),
    [
        ({"created": 5}, 5),
        ({"created_at": "1970-01-01T00:01:00Z"}, 60),
        ({"created": -1}, 0),
        ({"created": True}, 0),
        ({"created": 1e30}, 0),
        ({"created": 10**20}, 0),
        ({"created_at": "yesterday"}, 0),
        ({"created_at": "0001-01-01T00:00:00"}, 0),
    ],
)
def test_times(said: dict[str, Any], created_s: int) -> None:
    (row,) = listed({"id": "m", **said})
    assert row.created_s == created_s


def test_names_for_people_are_text_of_one_line() -> None:
    rows = listed(*({"id": "m", "display_name": shown} for shown in ("A model", 5, "a\nb", "x" * 300)))
    assert [row.display_name for row in rows] == ["A model", "", "", ""]


def test_it_is_bounded() -> None:
    assert len(listed(*({"id": f"m{at}"} for at in range(MODELS_MAX + 5)))) == MODELS_MAX
    (row,) = read(json.dumps({"data": [{"id": "m", "capabilities": "x" * 20_000}]}).encode(), keep_facts=True)
    assert row.facts == {}
