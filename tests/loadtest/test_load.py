from loadtest.load import Found, differing_texts, judge, table


def found(name: str, **values: object) -> Found:
    known: dict[str, object] = {
        "first_content_ms": [5.0, 6.0, 7.0],
        "duration_ms": [2000.0, 2001.0, 2002.0],
        "failures": {},
        "texts": {"why": ["aa"]},
        "events": 300,
    }
    return Found(name=name, **(known | values))  # type: ignore[arg-type]  # the keywords above are its fields


def test_two_clean_runs_pass() -> None:
    assert judge([found("gateway"), found("simulator")], simulated=True) == {}


def test_one_failure_is_one_too_many() -> None:
    wrong = judge([found("gateway", failures={"BrokenStreamError: no content": 1}), found("simulator")], simulated=True)
    assert wrong == {"gateway": "1 times BrokenStreamError: no content"}


def test_a_run_without_a_stream_is_not_a_success() -> None:
    assert judge([found("gateway", duration_ms=[])], simulated=True) == {"gateway": "no stream was finished"}


def test_texts_that_differ_between_runs_were_damaged() -> None:
    runs = [found("gateway", texts={"why": ["aa"], "how": ["cc"]}), found("simulator", texts={"why": ["bb"], "how": ["cc"]})]
    assert differing_texts(runs) == ["why"]
    assert "texts" in judge(runs, simulated=True)
    assert judge(runs, simulated=False) == {}


def test_the_table_shows_both_runs_beside_each_other() -> None:
    lines = table([found("gateway"), found("simulator", first_content_ms=[])]).splitlines()
    assert lines[1].split() == ["first", "content,", "gateway", "3", "300", "6.0", "7.0", "7.0"]
    assert lines[2].split() == ["first", "content,", "simulator", "0", "300", "-", "-", "-"]
    assert len(lines) == 5
