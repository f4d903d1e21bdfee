"""A neutrino service as a source: what it lists inside the good time that it states, and what is not known.

What is stated decides: without a word on when the detector was on, a list says nothing about what was not seen, so
nothing is covered; that is never taken for good time without neutrinos. A neutrino outside of good time is left out,
as it is with archives, since nothing can be said about how unusual it is.

While the service has stated nothing for some of the window it is asked again, by the rule of `again_gps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from llama.advice import REMAKE_FILE
from llama.ports import Neutrino, NeutrinoWindow, SeasonStretch
from llama.science.times import format_utc, gps_from_mjd, gps_from_utc, utc_from_gps
from llama.services.neutrinos.answer import Answer, ListedNeutrino, neutrino_of, read_answer
from llama.services.neutrinos.asking import Asking
from llama.services.window import LATEST_S, again_gps, require_window

EDGE_S = 1.0
"""Edges of runs are known to whole seconds: a neutrino this close to good time belongs to it."""
_ROUNDING_S = 0.01
_ASK_AGAIN = REMAKE_FILE.of(FILE="NEUTRINOS")


def now_gps() -> float:
    """The time, GPS seconds."""
    return gps_from_utc(format_utc(datetime.now(UTC)))


class NeutrinoService:
    """A source over one service. What it says is final when the service has stated its good time past the window."""

    def __init__(self, asking: Asking, clock: Callable[[], float] = now_gps) -> None:
        """`clock` is GPS seconds."""
        self._asking, self._clock = asking, clock

    @property
    def name(self) -> str:
        """That it is a service, and whose."""
        return f"neutrino service at {self._asking.host}"

    def window(self, start_gps: float, stop_gps: float, *, seed: str = "") -> NeutrinoWindow:
        """What the service knows. Nothing about the answer is random. ServiceBusy when it has none for now."""
        require_window(start_gps, stop_gps)
        start_gps, stop_gps = float(start_gps), float(stop_gps)
        now = self._clock()
        answer = read_answer(self._asking.get, start_gps, stop_gps, self._asking.host)
        # What it says of times to come cannot be known
        until = min(answer.livetime.until_gps, now) if answer.livetime else -math.inf
        covered = _good(answer, start_gps, min(stop_gps, until))
        covered_s = math.fsum(piece.stop_gps - piece.start_gps for piece in covered)
        complete = stop_gps - start_gps - covered_s < _ROUNDING_S
        again = None if until >= stop_gps else again_gps(now, stop_gps)
        neutrinos, left_out = _inside(answer.rows, covered)
        return NeutrinoWindow(
            start_gps=start_gps,
            stop_gps=stop_gps,
            neutrinos=neutrinos,
            season=_season(covered),
            covered_s=covered_s,
            complete=complete,
            why="; ".join(
                [*self._why(answer, (start_gps, stop_gps), until, covered_s, again), *_odd(answer, left_out)]
            ),
            again_gps=again,
            covered=covered,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._asking.close()

    def _why(
        self, answer: Answer, window: tuple[float, float], until: float, covered_s: float, again: float | None
    ) -> list[str]:
        """What of the window is not known, and whether that is for good."""
        (start_gps, stop_gps), host = window, self._asking.host
        length = stop_gps - start_gps
        said = []
        if until < start_gps:
            said.append(f"{host} states no livetime for this window: whether there were neutrinos is not known")
        elif until < stop_gps:
            said.append(f"{host} states livetime until {utc_from_gps(until, 3)} only; what came later is not known")
        if until >= start_gps and length - covered_s >= _ROUNDING_S:
            said.append(f"good time of {answer.stream} covers {covered_s:.1f} of {length:.1f} s")
        if until < stop_gps and again is None:
            days = f"{LATEST_S / 86400:g} days"
            said.append(
                f"the window closed more than {days} ago, so it is not asked again by itself; {_ASK_AGAIN} asks"
            )
        return said


def _good(answer: Answer, start_gps: float, stop_gps: float) -> tuple[SeasonStretch, ...]:
    """The stated good time between two times; pieces of one season that touch become one."""
    found: list[SeasonStretch] = []
    for piece in answer.livetime.good if answer.livetime else ():
        a, b = max(piece.start_gps, start_gps), min(piece.stop_gps, stop_gps)
        if a >= b:
            continue
        if found and found[-1].season == piece.season and a == found[-1].stop_gps:
            found[-1] = SeasonStretch(found[-1].start_gps, b, piece.season)
        else:
            found.append(SeasonStretch(a, b, piece.season))
    return tuple(found)


def _season(covered: tuple[SeasonStretch, ...]) -> str | None:
    """The one with most of the good time, which supplies most of the background."""
    livetime: dict[str, float] = {}
    for piece in covered:
        livetime[piece.season] = livetime.get(piece.season, 0.0) + piece.stop_gps - piece.start_gps
    return max(livetime, key=lambda name: livetime[name], default=None)


def _inside(rows: tuple[ListedNeutrino, ...], covered: tuple[SeasonStretch, ...]) -> tuple[tuple[Neutrino, ...], int]:
    """Those in good time, in order of time, and how many more there are."""
    found = []
    for row in sorted(rows, key=lambda row: row.mjd):
        gps = float(gps_from_mjd(row.mjd))
        near = [one for one in covered if one.start_gps - EDGE_S <= gps <= one.stop_gps + EDGE_S]
        if near:
            best = min(near, key=lambda one: max(one.start_gps - gps, gps - one.stop_gps, 0.0))
            found.append(neutrino_of(row, best.season))
    return tuple(found), len(rows) - len(found)


def _odd(answer: Answer, left_out: int) -> list[str]:
    """What was strange about the answer, for the reader of a result."""
    said = []
    if left_out:
        said.append(f"{left_out} neutrino(s) outside stated good time are left out")
    if answer.outside:
        said.append(f"{answer.outside} neutrino(s) outside the window asked for are left out")
    if answer.repeated:
        said.append(f"neutrino {', '.join(answer.repeated)} listed more than once, counted once")
    return said
