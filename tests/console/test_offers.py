"""What the public pages say of models."""

from typing import Any

import pytest

from gateway import settings
from gateway.console.offers import by_line, example_model, speed


def test_the_newest_of_each_line_come_first() -> None:
    models = [{"id": name, "line": name[0]} for name in ("a2", "b2", "a1", "c1", "b1", "a0")]
    assert [model["id"] for model in by_line(models)] == ["a2", "b2", "c1", "a1", "b1", "a0"]
    assert by_line([]) == []


def test_the_model_of_examples_is_one_of_the_catalogue() -> None:
    shipped = settings.load(None, {})
    assert example_model(shipped) in {model.id for model in shipped.catalogue if model.line == "sonnet"}


def target(requests: int, success: float | None, ttft_ms: int | None = None) -> dict[str, Any]:
    return {"requests": requests, "success": success, "ttft_ms": ttft_ms, "tokens_per_s": None}


def test_places_count_by_their_requests() -> None:
    shown = speed({"targets": [target(0, None, 1), target(30, 1.0), target(10, 0.5, 200)]})
    assert shown["success"] == pytest.approx(0.875)
    assert (shown["requests"], shown["ttft_ms"], shown["tokens_per_s"]) == (40, 200, None)
    assert speed({"targets": []})["success"] is None
