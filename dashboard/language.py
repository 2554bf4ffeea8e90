"""The reader's language: sentences, numbers, money, dates and names in English or Chinese.

A message is its English sentence with {named} placeholders; the Chinese comes from the gettext catalogue
under locales/. English writes a word for one and for many as `{n:customer|customers}`, which Chinese has no need of.
Numbers follow CLDR (through Babel): K/M/B in English, 万/亿 in Chinese. A minus is always "−" (U+2212) and a value
that is not there is "–" (U+2013), never nan.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date, format_interval
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import get_currency_name, get_currency_precision, get_currency_symbol

if TYPE_CHECKING:
    from typing_extensions import TypeIs

CODES = ("zh", "en")
UNDEFINED = "–"
MINUS = "\N{MINUS SIGN}"
CATALOGUE = Path(__file__).parent / "locales" / "zh_CN" / "LC_MESSAGES" / "messages.po"


def message(text: str) -> str:
    """Mark a message that is translated later, where it is shown."""
    return text


TIER_NAMES = {
    "strategic": message("Strategic"),
    "key": message("Key"),
    "standard": message("Standard"),
    "self_service": message("Self-service"),
}
DIRECT_COST_NAMES = {
    "bad_debt": message("Bad debt"),
    "legal": message("Legal"),
    "gift": message("Gift"),
    "freight": message("Freight"),
    "refund": message("Refund"),
}
KIND_NAMES = {
    "organisation": message("Organisation"),
    "person": message("Person"),
}
PERIOD_NAMES = {
    "1w": message("One week"),
    "4w": message("Last 4 weeks"),
    "13w": message("Last 13 weeks"),
    "52w": message("Last 52 weeks"),
    "ytd": message("Year to date"),
    "all": message("All history"),
}
COMPARISON_NAMES = {
    "previous": message("Previous period"),
    "last_year": message("Same weeks last year"),
    "event": message("Last year around the same event"),
    "target": message("Target"),
    "benchmark": message("All customers"),
}
ALIVE_NAMES = {
    "sure": message("Almost certainly a customer"),
    "likely": message("Probably a customer"),
    "open": message("In doubt"),
    "unlikely": message("Probably gone"),
    "gone": message("Almost certainly gone"),
}
NEEDS_NAMES = {
    1: message("Supply, price and quality"),
    2: message("Territory, returns and price protection"),
    3: message("Image"),
    4: message("Esteem"),
    5: message("Partnership"),
}


@dataclass(frozen=True)
class Language:
    """How one language says things. Get it with `language(code)`; formats are parsed once."""

    code: str
    locale: Locale
    messages: Mapping[str, str]
    steps: tuple[tuple[float, str], ...]  # compact units, largest first: (1e8, "亿"), (1e4, "万")

    def t(self, message: str, **values: object) -> str:
        """The sentence in this language with its {named} values filled in."""
        sentence = self.messages.get(message, message)
        return FILLED_IN.format(sentence, **values) if values else sentence

    def money(self, x: float | None, currency: str = "CNY", exact: bool = False) -> str:
        """¥1.24M or ¥124万 (three significant digits); exact: ¥1,240,000.00."""
        if undefined(x):
            return UNDEFINED
        digits = f"{abs(x):,.{_precision(currency)}f}" if exact else self.compact(abs(float(x)))
        return _sign(x, digits) + symbol(currency, self.code) + digits

    def number(self, x: float | None, exact: bool = False) -> str:
        """A count or a plain number: 9,876 in full, 12.3K or 1.23万 above; exact: every digit."""
        if undefined(x):
            return UNDEFINED
        size = abs(float(x))
        whole = size.is_integer()
        if exact:
            digits = f"{size:,.0f}" if whole else _trim(f"{size:,.2f}")
        else:
            digits = f"{size:,.0f}" if whole and size < 10_000 else self.compact(size)
        return _sign(x, digits) + digits

    def percent(self, x: float | None, digits: int | None = None) -> str:
        """A fraction as a percentage: 0.714 -> 71%; below 10 % one decimal unless `digits` says otherwise."""
        if undefined(x):
            return UNDEFINED
        if digits is None:
            places = 0 if abs(x) >= 0.0995 else 1 if abs(x) >= 0.00095 else 2
            number = _trim(f"{abs(x) * 100:,.{places}f}")
        else:
            number = f"{abs(x) * 100:,.{digits}f}"
        return f"{_sign(x, number)}{number}%"

    def points(self, x: float | None) -> str:
        """The difference of two shares, signed, in percentage points: +2.3 pts, −1.2个百分点."""
        if undefined(x):
            return UNDEFINED
        number = _trim(f"{abs(x) * 100:,.1f}")
        return self.t("{number} pts", number=_sign(x, number, plus=True) + number)

    def change(self, new: float | None, old: float | None) -> str | None:
        """The signed relative change, +12% or −3.2%; None where there is no positive base to compare with."""
        if undefined(new) or undefined(old) or old <= 0:
            return None
        change = (float(new) - float(old)) / float(old)
        text = self.percent(abs(change))
        return _sign(change, text, plus=True) + text

    def date(self, d: dt.date | None) -> str:
        """Nov 9, 2026 or 2026年11月9日."""
        return UNDEFINED if undefined(d) else _date(_day(d), "medium", self.code)

    def month(self, d: dt.date | None) -> str:
        """The short name of a month: Nov or 11月."""
        return UNDEFINED if undefined(d) else _date(_day(d), "LLL", self.code)

    def week(self, d: dt.date | None) -> str:
        """The ISO week a day falls in: week 46, 2026 or 2026年第46周."""
        if undefined(d):
            return UNDEFINED
        year, week, _ = d.isocalendar()
        return self.t("week {week}, {year}", week=week, year=year)

    def period(self, first: dt.date | None, last: dt.date | None) -> str:
        """A span of days: Nov 9 – 15, 2026 or 2026年11月9日至15日."""
        if undefined(first) or undefined(last):
            return UNDEFINED
        return _period(_day(first), _day(last), self.code)

    def name(self, name: str | None, name_en: str | None = None) -> str:
        """The display name of a row of data, which may or may not have an English name."""
        chosen = name_en if self.code == "en" and not undefined(name_en) and name_en else name
        return UNDEFINED if undefined(chosen) or not chosen else str(chosen)

    def list(self, items: Iterable[str]) -> str:
        """A, B, and C or A、B和C."""
        items = list(items)
        return format_list(items, "standard", self.locale) if items else UNDEFINED

    def sentences(self, *said: str) -> str:
        """Whole sentences one after the other."""
        return ("" if self.code == "zh" else " ").join(said)

    def compact(self, size: float) -> str:
        """A non-negative size in three significant digits and this language's unit: 1.24M, 124万."""
        if size >= 1000:
            size = _three_digits(size)
            for step, unit in self.steps:
                if size >= step:
                    return _trim(f"{_three_digits(size / step):,.2f}") + unit
            return f"{size:,.0f}"
        if size.is_integer():
            return f"{size:.0f}"
        if size >= 99.95:
            return self.compact(float(round(size)))
        return f"{size:.2f}" if size >= 0.1 else f"{size:.2g}"


@cache
def language(code: str) -> Language:
    """The language of a code, 'zh' or 'en'."""
    if code not in CODES:
        raise ValueError(f"No language {code!r}; there are: {', '.join(CODES)}.")
    locale = Locale.parse("zh_Hans_CN" if code == "zh" else "en")
    return Language(code, locale, _messages() if code == "zh" else MappingProxyType({}), _steps(locale))


def undefined(x: object) -> TypeIs[None]:
    """None, nan, an infinity, NaT or pandas' NA: a value that is not there, whatever its type says."""
    if x is None or type(x).__name__ == "NAType":
        return True
    return x != x or x in (math.inf, -math.inf)


@cache
def symbol(currency: str, code: str) -> str:
    """The sign before an amount; the yuan is ¥ in both languages and no other currency shares it."""
    if currency == "CNY":
        return "¥"
    if not currency:
        return ""
    sign = get_currency_symbol(currency, locale=code)
    if sign == "¥":
        return "JP¥"
    return f"{currency} " if sign == currency else sign


@cache
def currency_name(currency: str, code: str) -> str:
    """The word after a unit of Chinese money (万元, 亿美元), the sign before an English one (¥M, $B)."""
    if code == "en":
        return symbol(currency, code)
    return "元" if currency == "CNY" else get_currency_name(currency, locale=code)


class _Filled(string.Formatter):
    """`str.format` with words that follow a count: {n:customer|customers} is the first one after 1 alone."""

    def format_field(self, value: object, format_spec: str) -> str:
        if "|" not in format_spec:
            return str(format(value, format_spec))
        one, many = format_spec.split("|")
        return one if str(value) == "1" else many


FILLED_IN = _Filled()


def _messages() -> Mapping[str, str]:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    return MappingProxyType({str(m.id): str(m.string) for m in catalogue if m.id and m.string})


def _steps(locale: Locale) -> tuple[tuple[float, str], ...]:
    """CLDR's compact units, each at the size where it begins: 万 at 1e4, 亿 at 1e8, 万亿 at 1e12."""
    found: dict[str, float] = {}
    for size, pattern in locale.compact_decimal_formats["short"]["other"].items():
        unit = re.sub(r"[0#.,']", "", pattern.pattern)
        if unit:
            found[unit] = min(float(size), found.get(unit, math.inf))
    return tuple(sorted(((size, unit) for unit, size in found.items()), reverse=True))


def _sign(x: float, digits: str, plus: bool = False) -> str:
    """The sign of a number as it is printed: what rounds to zero has none."""
    if not any("1" <= c <= "9" for c in digits):
        return ""
    if x < 0:
        return MINUS
    return "+" if plus else ""


def _trim(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _three_digits(x: float) -> float:
    return float(f"{x:.3g}")


def _day(d: dt.date) -> dt.date:
    return dt.date(d.year, d.month, d.day)


@lru_cache(4096)
def _date(d: dt.date, form: str, code: str) -> str:
    return format_date(d, form, locale=_locale(code))


@lru_cache(1024)
def _period(first: dt.date, last: dt.date, code: str) -> str:
    if first == last:
        return _date(first, "medium", code)
    # CLDR surrounds the dash with thin spaces, which some fonts lack.
    return re.sub(r"[\u2009\u202f\xa0]", " ", format_interval(first, last, "yMMMd", locale=_locale(code)))


def _locale(code: str) -> str:
    return "zh_Hans_CN" if code == "zh" else "en"


@cache
def _precision(currency: str) -> int:
    return get_currency_precision(currency)
