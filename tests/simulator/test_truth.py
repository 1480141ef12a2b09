import asyncio
from pathlib import Path

import pytest

from gateway.simulator.truth import Truth, TruthLog, read_file


def _truth(request_id: str = "req_1") -> Truth:
    return Truth(
        request_id, "tag", "POST", "/v1/messages", [("host", "x")], 3, "ab", None, usage={"input_tokens": 4}, ending="finished"
    )


def test_a_record_survives_the_file(tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "truth.jsonl")
    log.append(_truth("req_1"))
    log.append(_truth("req_2"))
    log.close()
    assert read_file(tmp_path / "truth.jsonl") == [_truth("req_1"), _truth("req_2")]
    assert log.records == []


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    assert read_file(path) == []
    path.write_bytes(_truth().line() + _truth().line()[:-9])
    assert read_file(path) == [_truth()]


def test_a_log_without_a_home_is_off() -> None:
    log = TruthLog()
    log.append(_truth())
    assert (log.is_on, log.records) == (False, [])


def test_waiting_ends_with_the_record_waited_for() -> None:
    async def run() -> None:
        log = TruthLog(keep=True)
        waiting = asyncio.create_task(log.wait(lambda records: len(records) == 2, 5.0))
        await asyncio.sleep(0)
        log.append(_truth())
        for _ in range(9):  # turns of the loop, far more than a waiter takes to wake
            await asyncio.sleep(0)
        assert not waiting.done()
        log.append(_truth())
        await waiting
        await log.wait(lambda records: len(records) == 2, 0.0)
        with pytest.raises(TimeoutError):
            await log.wait(lambda records: len(records) == 3, 0.01)

    asyncio.run(run())
