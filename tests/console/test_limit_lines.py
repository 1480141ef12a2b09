from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.console.formats import Formats
from gateway.console.limit_lines import lines
from gateway.console.texts import texts

WRITE = Formats("en", ZoneInfo("Asia/Kathmandu"))
NOW_S = 1_795_000_000  # 2026-11-18T11:06:40Z


def standing(**changes: Any) -> dict[str, Any]:
    facts = {
        "id": 7, "scope": "key", "metric": "cost", "class": "all", "window": "day", "amount": "10", "source": "own",
        "used": "2.5", "held": "0", "remaining": "7.5", "window_start": None, "window_end": None,
    }  # fmt: skip
    return facts | changes


def test_a_limit_in_words() -> None:
    [line] = lines([standing(window_end="2026-11-18T12:00:00Z")], "key", texts("en"), WRITE, NOW_S)
    assert (line.what, line.used, line.amount, line.left) == ("dollars a day", "$2.50", "$10.00", "$7.50")
    assert (line.share, line.kind, line.removable) == (0.25, "ok", True)
    assert line.resets == "resets 17:45 (in 53 min 20 s)"


def test_a_window_that_ends_another_day_says_which() -> None:
    [line] = lines([standing(window="month", window_end="2026-12-01T00:00:00Z")], "key", texts("en"), WRITE, NOW_S)
    assert line.resets == "resets 1 Dec 2026, 05:45 (in 12 d 12 h)"


@pytest.mark.parametrize(("changes", "share", "kind"), [
    ({"used": "8"}, 0.8, "warn"), ({"used": "7.99"}, 0.799, "ok"), ({"used": "10"}, 1.0, "bad"), ({"used": "99"}, 1.0, "bad"),
    ({"used": "5", "held": "5"}, 1.0, "bad"), ({"amount": "0", "used": "0"}, None, "bad"),
])  # fmt: skip
def test_how_far_it_is_used_up(changes: dict[str, Any], share: float | None, kind: str) -> None:
    [line] = lines([standing(**changes)], "key", texts("en"), WRITE, NOW_S)
    assert (line.share, line.kind) == (share, kind)


def test_only_what_was_set_here_can_be_removed_here() -> None:
    found = lines(
        [standing(), standing(scope="workspace"), standing(source="plan"), standing(scope="plan", source="plan")],
        "key",
        texts("ru"),
        WRITE,
        NOW_S,
    )
    assert [line.removable for line in found] == [True, False, False, False]


def test_concurrency_has_no_window() -> None:
    facts = standing(metric="concurrency", window=None, amount="5", used="0", held="2", remaining="3", **{"class": "opus"})
    [line] = lines([facts], "key", texts("en"), WRITE, NOW_S)
    assert (line.what, line.used, line.resets) == ("requests at the same time, opus", "2", "")
