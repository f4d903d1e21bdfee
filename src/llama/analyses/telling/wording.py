"""Numbers and short statements as people read them, so that no two outputs write the same thing differently."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llama.science.times import gps_from_utc, utc_from_gps

WINDOW_S = 500.0
"""Half of the search window around the gravitational-wave time, seconds."""

NOT_AVAILABLE = "n/a"
_LARGEST_LOG = 300.0 * math.log(10.0)
_SECONDS_PER_YEAR = 31557600.0
_FULLY_COVERED_S = 2.0 * WINDOW_S - 0.05


def format_p(p_value: float) -> str:
    """Two significant digits, which is more than a background of some thousand events supports: `0.67`, `4.6e-05`."""
    return f"{p_value:#.2g}"


def p_for_people(p_value: float | None, p_text: str) -> str:
    """`p_value` in two digits, or the limit (`<1/12000`) of the result's own text where no event was as extreme.

    A neutrino whose p-value is not above the event's limit has that limit: both are compared with one background.
    """
    if p_value is None:
        return NOT_AVAILABLE
    if p_text.startswith("<") and p_value <= upper_limit(p_text):
        return p_text
    return format_p(p_value)


def upper_limit(p_text: str) -> float:
    """The number in `<1/12000`."""
    over, _, under = p_text.removeprefix("<").partition("/")
    return float(over) / float(under or 1)


def round_p(p_value: float) -> float:
    """To four decimals, below 1e-4 to two significant digits, as IceCube's notices round p-values."""
    return round(p_value, 4) if p_value >= 1e-4 else float(f"{p_value:.1e}")


def format_odds(log_odds: float | None) -> str:
    """Odds from their natural logarithm as `1.23e-45`; `0` for None.

    Beyond the range of a double a digit more says nothing: `<1e-300`, `>1e+300`.
    """
    if log_odds is None:
        return "0"
    if abs(log_odds) > _LARGEST_LOG:
        return "<1e-300" if log_odds < 0 else ">1e+300"
    exponent = math.floor(log_odds / math.log(10.0))
    mantissa = math.exp(log_odds - exponent * math.log(10.0))
    if round(mantissa, 2) >= 10.0:
        mantissa, exponent = mantissa / 10.0, exponent + 1
    return f"{mantissa:.2f}e{exponent:+03d}"


def format_energy(gev: float) -> str:
    """Three significant digits, as a power of ten from 1e6 GeV: `810`, `1030`, `212000`, `1.02e+06`."""
    return f"{float(f'{gev:.3g}'):g}"


def energy_range(low_gev: float, high_gev: float) -> str:
    """A range of energies in the unit that suits its lower end: `1.4 TeV to 3.9 PeV`."""
    return f"{_with_prefix(low_gev)} to {_with_prefix(high_gev)}"


def _with_prefix(gev: float) -> str:
    for scale, unit in ((1e6, "PeV"), (1e3, "TeV")):
        if gev >= scale:
            return f"{float(f'{gev / scale:.2g}'):g} {unit}"
    return f"{float(f'{gev:.2g}'):g} GeV"


def format_probability(value: float | None) -> str:
    """Three decimals, or more digits where those would round to 0 or 1: `0.981`, `1.2e-06`, `0.99997`."""
    if value is None:
        return NOT_AVAILABLE
    if 0.999 < value < 1:
        return f"{value:.6f}".rstrip("0") if value < 0.9999995 else ">0.999999"
    return f"{value:.3f}" if value == 0 or 0.001 <= value <= 0.999 or value == 1 else f"{value:.3g}"


def counted(number: int, noun: str) -> str:
    """`1 neutrino`, `4 neutrinos`, `10,000 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def within(covered_s: float) -> str:
    """Which part of the window was looked at: `within the 623 s of the ±500 s window that good data cover`."""
    if covered_s >= _FULLY_COVERED_S:
        return f"within ±{WINDOW_S:.0f} s"
    return f"within the {covered_s:.0f} s of the ±{WINDOW_S:.0f} s window that good data cover"


def found(count: int, covered_s: float, noun: str = "neutrino") -> str:
    """How many neutrinos there were; never `no neutrino` for a window that no data cover."""
    if covered_s <= 0:
        window = f"the ±{WINDOW_S:.0f} s window"
        return (
            f"{counted(count, noun)} in {window}, but no good data cover it" if count else f"no data cover {window}"
        )
    return f"{counted(count, noun) if count else f'no {noun}'} {within(covered_s)}"


def per_second(rate_hz: float) -> str:
    """A rate, and for a rare thing how many years it takes: `1.2e-09 Hz, once in 26 years`."""
    text = f"{rate_hz:.1e} Hz"
    years = 1.0 / (rate_hz * _SECONDS_PER_YEAR) if rate_hz > 0 else 0.0
    return f"{text}, once in {float(f'{years:.2g}'):,.0f} years" if years >= 2 else text


def readable_time(event_time: str) -> str:
    """An ISO 8601 time as `2019-04-25 08:18:05.017 UTC`, rounded to that."""
    rounded = utc_from_gps(gps_from_utc(event_time), digits=3 if "." in event_time else 0)
    return f"{rounded.removesuffix('Z').replace('T', ' ')} UTC"


def in_columns(table: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Rows of cells as lines of one length: columns as wide as their widest cell, the first `left` left-aligned."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    pads = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    return ["  ".join(pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)) for row in table]


def capitalised(text: str) -> str:
    """With a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def shorten(text: str, length: int) -> str:
    """At most `length` characters, with an ellipsis where something was left out."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
