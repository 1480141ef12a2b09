"""Formats: numbers, money, dates and spans as people of one language and time zone write them.

Pure. Amounts come as the admin operations give them: whole numbers, nanodollars or exact dollars as text, moments as ISO 8601 in
UTC. Nothing is rounded where it would become zero.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_compact_decimal, format_decimal, format_percent, get_group_symbol

from gateway.console.texts import texts

NOTHING = "–"  # noqa: RUF001 (an en dash stands for what is not there)
_UNITS_S = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class Formats:
    """How things are written in one language, with moments in one time zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._texts = texts(language)
        self._between_thousands = get_group_symbol(language)

    def __repr__(self) -> str:
        return f"<Formats {self.language} {self.zone.key}>"

    def number(self, value: int | float | Decimal | str | None) -> str:
        """With the language's separators; up to three digits behind the point."""
        if type(value) is int:
            # Charts have thousands of them, and Babel takes 40 us for each.
            return f"{value:,}".replace(",", self._between_thousands)
        try:
            return NOTHING if value is None else str(format_decimal(Decimal(str(value)), locale=self.language))
        except InvalidOperation:
            return str(value)

    def short(self, value: int | float | None) -> str:
        """1.2M for 1 234 567."""
        if value is None:
            return NOTHING
        return str(format_compact_decimal(value, locale=self.language, fraction_digits=1 if abs(value) >= 1000 else 0))

    def dollars(self, value: str | Decimal | None) -> str:
        """Exact dollars: cents, and below a dollar as many digits as there are."""
        if value is None:
            return NOTHING
        try:
            amount = Decimal(value)
        except InvalidOperation:
            return str(value)
        pattern = "#,##0.00" if abs(amount) >= 1 or not amount else "#,##0.00#######"
        written = format_decimal(abs(amount), pattern, locale=self.language)
        sign = "\N{MINUS SIGN}" if amount < 0 else ""
        return f"{sign}{written}\N{NO-BREAK SPACE}$" if self.language == "ru" else f"{sign}${written}"

    def money(self, nanodollars: int | None) -> str:
        return self.dollars(None if nanodollars is None else Decimal(nanodollars) / 1_000_000_000)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """0.0123 is 1.2 %."""
        if share is None:
            return NOTHING
        return str(format_percent(share, "#,##0." + "#" * digits + "%", locale=self.language))

    def when(self, moment: str | int | None) -> str:
        """A moment to the minute in the visitor's zone: from ISO 8601 or wall seconds."""
        local = self.local(moment)
        return NOTHING if local is None else str(format_datetime(local, "d MMM y, HH:mm", locale=self.language))

    def exactly(self, moment: str | int | None) -> str:
        """A moment to the second with its zone."""
        local = self.local(moment)
        if local is None:
            return NOTHING
        return str(format_datetime(local, "y-MM-dd HH:mm:ss 'UTC'xxx", locale=self.language)).removesuffix("+00:00")

    def day(self, moment: str | int | None) -> str:
        local = self.local(moment)
        return NOTHING if local is None else str(format_date(local, "d MMM y", locale=self.language))

    def clock(self, moment: str | int | None) -> str:
        local = self.local(moment)
        return NOTHING if local is None else str(format_time(local, "HH:mm", locale=self.language))

    def span(self, seconds: float | None) -> str:
        """A length of time in its two largest units: 1 h 12 min."""
        if seconds is None:
            return NOTHING
        left = max(0, round(seconds))
        parts: list[str] = []
        for unit, size in _UNITS_S:
            if left >= size or (unit == "s" and not parts):
                parts.append(self._texts(f"units.{unit}", number=self.number(left // size)))
                left %= size
            elif parts:
                break
        return " ".join(parts[:2])

    def milliseconds(self, value: float | None) -> str:
        """820 ms, 3.4 s."""
        if value is None:
            return NOTHING
        if value < 1000:
            return self._texts("units.ms", number=self.number(round(value)))
        return self._texts("units.s", number=self.number(round(value / 1000, 1)))

    def local(self, moment: str | int | None) -> datetime | None:
        """The moment in the visitor's zone; None for what is no moment."""
        try:
            if moment is None:
                return None
            found = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int) else datetime.fromisoformat(moment)
        except (ValueError, OverflowError, OSError):
            return None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(self.zone)


@lru_cache(maxsize=256)
def formats(language: str, zone: ZoneInfo) -> Formats:
    """Formats are asked for at every page and never change."""
    return Formats(language, zone)
