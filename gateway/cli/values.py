"""Values as people type them: dollars, lists of models, moments to come, spans of time."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import click

from gateway.catalog import measures
from gateway.core.refusals import Refusal

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Dollars(click.ParamType[str]):
    """An amount such as 25 or 12.50, kept as text so that nothing is rounded."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", str(value)):
            self.fail("must be an amount of dollars such as 25 or 12.50", param, ctx)
        return str(value)


class Models(click.ParamType[list[str]]):
    """Classes and patterns of models with commas between them, such as opus,gpt-4*."""

    name = "models"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        found = [part.strip() for part in value.split(",")]
        for part in found:
            try:
                measures.check_class(part)
            except Refusal as error:
                self.fail(str(error), param, ctx)
        return found


class Span(click.ParamType[int]):
    """A span such as 30m, 24h, 7d or 4w, in seconds; 0 is none."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int) or value == "0":
            return int(value)
        found = _SPAN.fullmatch(value)
        if not found:
            self.fail("must be a span such as 30m, 24h, 7d or 4w", param, ctx)
        return int(found[1]) * _UNITS_S[found[2]]


class Moment(click.ParamType[int]):
    """A moment to come, as a span from now (30d) or a date (2026-12-31, UTC), in wall-clock seconds."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SPAN.fullmatch(value)
        now_s = int(time.time())
        if found:
            return now_s + int(found[1]) * _UNITS_S[found[2]]
        try:
            moment = datetime.fromisoformat(value)
            end_s = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            self.fail("must be a span such as 30d or a date such as 2026-12-31", param, ctx)
        if end_s <= now_s:
            self.fail("lies in the past", param, ctx)
        return end_s
