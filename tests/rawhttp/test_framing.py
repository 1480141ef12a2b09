"""R10: requests that two parsers might read differently, to the gateway directly and through nginx."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from gateway.simulator.truth import Truth
from loadtest.bench.targets import nginx_config, nginx_program
from loadtest.processes import accepts, free_port, running, wait_until
from tests.rawhttp.cases import CASES, Case, post
from tests.rawhttp.conftest import House
from tests.rawhttp.wire import Heard, envelope, exchange, exchanges

# nginx's own words for what it does not implement: codings other than chunked, versions other than 1.x.
NGINX_OWN = {501, 505}


@pytest.fixture(scope="module")
def direct(house: House) -> dict[str, Heard]:
    """What came back for each case, by its name."""
    return _run(house, house.gateway.port, "direct")


@pytest.fixture(scope="module")
def calls(house: House, direct: dict[str, Heard]) -> Counter[str | None]:
    """How often the upstream saw each tag."""
    return Counter(record.tag for record in _truth(house, "direct"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_has_its_answer(case: Case, direct: dict[str, Heard], calls: Counter[str | None]) -> None:
    """R10: the statuses are as the table says, refusals of ours stand in the envelope, the upstream is asked only if it must."""
    heard = direct[case.name]
    assert heard.statuses == case.statuses, heard.raw[-300:]
    if case.statuses and case.statuses[0] >= 400 and case.ours:
        envelope(heard)
    assert heard.marker_answered != case.ends
    assert calls[f"direct-{CASES.index(case)}"] == case.calls


def test_no_hidden_request_is_ever_sent_on(calls: Counter[str | None]) -> None:
    """R10: what stands behind or inside a body never becomes a request of its own."""
    assert calls["hidden"] == 0
    assert sum(calls.values()) == sum(case.calls for case in CASES) + 1


def test_the_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 120


def test_a_refused_framing_leaves_the_gateway_serving(house: House, direct: dict[str, Heard]) -> None:
    """R10: not one worker died on the way."""
    log = house.gateway.log.read_text()
    assert '"bug"' not in log
    assert "Traceback" not in log
    assert "Unexpected exit" not in log


@pytest.fixture(scope="module")
def nginx_port(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx before the gateway, with connections kept open between them and bodies passed on as they come."""
    program = nginx_program()
    if program is None:
        pytest.skip("nginx is not installed")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    config = nginx_config(folder, port, house.gateway.port, 1).replace(
        "proxy_buffering off;", "proxy_buffering off; proxy_request_buffering off; proxy_set_header Host $http_host;"
    )
    config = config.replace("access_log off;", "access_log off; lingering_timeout 1s;")
    (folder / "nginx.conf").write_text(config)
    log = folder / "output.log"
    with running([program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")], log) as process:
        wait_until(lambda: accepts(port), process, log, "nginx")
        yield port


def test_behind_nginx_nothing_is_smuggled(house: House, nginx_port: int) -> None:
    """R10: two parsers in a row: no 5xx of the gateway, no case reaches the upstream twice, and whatever reached it was a request
    to nginx too, for it gave its answer to the client. (A request behind a body that nginx can delimit is one like any other.)"""
    heard = _run(house, nginx_port, "nginx")
    wrong = {
        name: answers.statuses
        for name, answers in heard.items()
        if any(status >= 500 and status not in NGINX_OWN for status in answers.statuses)
    }
    assert not wrong
    answered = sum(answers.statuses.count(200) for answers in heard.values())
    records = _truth(house, "nginx")
    assert answered > 20
    assert sum(record.status == 200 for record in records) == answered + 1
    assert max(Counter(record.tag for record in records if record.tag != "hidden").values()) == 1


def _run(house: House, port: int, prefix: str) -> dict[str, Heard]:
    requests = [(case.bytes_for(house.key, f"{prefix}-{number}"), len(case.statuses) or 1) for number, case in enumerate(CASES)]
    heard = asyncio.run(exchanges(port, requests))
    return {case.name: answer for case, answer in zip(CASES, heard, strict=True)}


def _truth(house: House, prefix: str) -> list[Truth]:
    """The upstream's records of a run. One more call marks its end: what was going to be sent has been sent before it."""
    last = post().replace(b"KEY", house.key.encode()).replace(b"TAG", f"{prefix}-last".encode())
    assert asyncio.run(exchange(house.gateway.port, last)).statuses == (200,)
    records = house.upstream.wait_truth(lambda records: any(record.tag == f"{prefix}-last" for record in records))
    return [record for record in records if record.tag == "hidden" or (record.tag or "").startswith(f"{prefix}-")]
