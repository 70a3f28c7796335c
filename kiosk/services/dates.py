"""Dates, months and money as people read them, in full and in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def compose_date(day: date, locale: str) -> str:
    """Return a date in full: 2026年3月1日, 1 March 2026."""
    if locale == "en":
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


def compose_month(year: int, month: int, locale: str) -> str:
    """Return a month in full: 2026年3月, March 2026."""
    return f"{MONTHS[month - 1]} {year}" if locale == "en" else f"{year}年{month}月"


def compose_moment(wall_s: float, locale: str) -> str:
    """Return a moment to the minute in China's time: 2026年3月1日 09:05, 1 March 2026 09:05."""
    moment = datetime.fromtimestamp(wall_s, UTC).astimezone(CHINA)
    return f"{compose_date(moment.date(), locale)} {moment:%H:%M}"


def compose_money(text: str) -> str:
    """Return an amount in yuan with two decimals, ¥1,234.50; the text itself when it is no amount yet."""
    amount = decimal_of(text)
    return text if amount is None else f"¥{amount:,.2f}"


def date_of(text: str) -> date | None:
    """Return the date of `YYYY-MM-DD`, or None when it is incomplete or no date."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def month_of(text: str) -> tuple[int, int] | None:
    """Return year and month of `YYYY-MM`, or None when it is incomplete or no month."""
    day = date_of(f"{text}-01")
    return None if day is None else (day.year, day.month)


def decimal_of(text: str) -> Decimal | None:
    """Return the number a field holds, or None when it is incomplete or none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and not text.endswith(".") else None
