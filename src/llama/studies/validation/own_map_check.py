"""The own-map p-value against exact lists, map by map: is p what it says, and is it known as well as it says?"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.studies.blocks import Blocks
from llama.studies.validation.check import Cell, Check, PageTable, verdict
from llama.studies.validation.inputs import CheckInputs
from llama.studies.validation.own_map_draws import AS_ARRAYS, MapDraws, MapTask, can_judge, draw_map
from llama.studies.validation.plots import own_map_plot

LEAST_P = 1e-3
Z_MEAN, Z_ONE = 4.0, 5.0
SPREAD = (0.8, 1.25)
BIAS = 0.03
LEAST_LABELS = 50
LISTS, WINDOWS = "exact lists", "windows as they were"


@dataclass(frozen=True)
class OwnMapSize:
    """How many maps of each population, exact lists of each map, and further labels on each of three maps; on so many
    maps of all more lists are drawn, for what is rarer."""

    maps: int
    lists: int
    repeats: int
    deep_maps: int = 0
    deep_lists: int = 0


@dataclass(frozen=True, eq=False)
class OnMap:
    """A map's name and population, and what was drawn of it."""

    name: str
    population: str
    drawn: MapDraws

    def row(self, level: float) -> Float | None:
        """(6,) of `MapDraws.rows`; None where the level was not asked for."""
        return next((row for row in self.drawn.rows if row[0] == level), None)

    def fraction(self, level: float, of: str) -> tuple[float, int]:
        """That of `LISTS` or `WINDOWS` which reach the statistic, and how many there are."""
        *_, lists, windows = self.drawn.rows[self.drawn.rows[:, 0] == level][0].tolist()
        return (lists, self.drawn.lists) if of == LISTS else (windows, self.drawn.windows)

    def z(self, level: float, of: str) -> float:
        """How many standard deviations the fraction of `of` is above the p stated."""
        _, _, p, error, *_ = self.drawn.rows[self.drawn.rows[:, 0] == level][0].tolist()
        fraction, count = self.fraction(level, of)
        return float((fraction - p) / math.sqrt(p * (1 - p) / count + error**2))


@dataclass(frozen=True)
class Dispersion:
    """All maps at one level.

    Attributes:
        of: LISTS or WINDOWS.
        stated, fraction: means over the maps.
        p: chance that Σz² is as large or larger; near 1 when errors are stated too large.
        mean, worst: of z.
    """

    of: str
    level: float
    maps: int
    stated: float
    fraction: float
    p: float
    mean: float
    worst: float

    @property
    def wrong(self) -> int:
        """How many of the three numbers are against the criterion."""
        apart = not LEAST_P <= self.p <= 1 - LEAST_P
        return int(apart) + int(abs(self.mean) > Z_MEAN / math.sqrt(self.maps)) + int(abs(self.worst) > Z_ONE)


@dataclass(frozen=True)
class Repeated:
    """Many labels at one ln B̃ of one map.

    Attributes:
        mean: p stated. spread: standard deviation over the labels, over the error stated.
        bias: relative, of the mean against the exact fraction. error: one sigma of that.
    """

    name: str
    level: float
    labels: int
    mean: float
    error_stated: float
    spread: float
    bias: float
    error: float


def dispersion(found: Sequence[OnMap], level: float, of: str) -> Dispersion | None:
    """Errors cannot cancel in Σz²; None where no map was asked, or has enough of them."""
    from scipy.stats import chi2

    asked = [one for one in found if one.row(level) is not None and can_judge(level, one.fraction(level, of)[1])]
    rows = [row for one in asked if (row := one.row(level)) is not None]
    if not rows:
        return None
    z = np.array([one.z(level, of) for one in asked])
    stated = float(np.mean([row[2] for row in rows]))
    fraction = float(np.mean([one.fraction(level, of)[0] for one in asked]))
    p = float(chi2.sf(np.square(z).sum(), z.size))
    return Dispersion(of, level, z.size, stated, fraction, p, float(z.mean()), float(z[np.abs(z).argmax()]))


def repeated(one: OnMap) -> list[Repeated]:
    """Each level of a map whose background was drawn with several labels."""
    found = []
    for (level, _, _, _, fraction, _), labels in zip(one.drawn.rows.tolist(), one.drawn.repeats, strict=True):
        if len(labels) < 2:
            continue
        p, stated = labels.T
        mean, spread, error = float(p.mean()), float(p.std(ddof=1)), float(np.sqrt(np.square(stated).mean()))
        of_both = math.hypot(spread / math.sqrt(p.size), math.sqrt(mean * (1 - mean) / one.drawn.lists))
        bias = mean / fraction - 1 if fraction else math.inf
        found.append(
            Repeated(one.name, level, p.size, mean, error / mean, spread / error, bias, of_both / (fraction or mean))
        )
    return found


def repeats_wrong(found: Sequence[Repeated]) -> tuple[int, int]:
    """Numbers of the repeat study that the criterion applies to, and those against it."""
    many = [one for one in found if one.labels >= LEAST_LABELS]
    low, high = SPREAD
    wrong = sum(abs(one.bias) > BIAS + 3 * one.error for one in many)
    if many:
        wrong += not low <= math.sqrt(np.mean([one.spread**2 for one in many])) <= high
    return len(many) + bool(many), wrong


def check_own_map(inputs: CheckInputs, seed: int, size: OwnMapSize, by: Blocks) -> Check:
    """Every map of the populations, those of them that `size` takes."""
    tasks = tasks_of(inputs, size)
    drawn = by.draw("own-map", functools.partial(draw_map, inputs, seed), tasks, AS_ARRAYS)
    return judge(
        [
            OnMap(task.skymap.name, inputs.populations[task.population].name, one)
            for task, one in zip(tasks, drawn, strict=True)
        ]
    )


def tasks_of(inputs: CheckInputs, size: OwnMapSize) -> tuple[MapTask, ...]:
    """The first maps of each population; of all, some spread evenly have more lists, and of the others, if there are
    any, the first, middle and last are drawn with further labels."""
    every = [
        (k, skymap) for k, population in enumerate(inputs.populations) for skymap in population.maps[: size.maps]
    ]
    deep = {(2 * j + 1) * len(every) // (2 * size.deep_maps) for j in range(size.deep_maps)}
    others = [i for i in range(len(every)) if i not in deep]
    again = {others[round(share * (len(others) - 1))] for share in (0.0, 0.5, 1.0)} if others else set()
    return tuple(
        MapTask(
            number=i,
            population=k,
            skymap=skymap,
            lists=size.deep_lists if i in deep else size.lists,
            windows=size.lists,
            repeats=size.repeats if i in again else 0,
        )
        for i, (k, skymap) in enumerate(every)
    )


def judge(found: list[OnMap]) -> Check:
    """The verdict on all maps."""
    levels = sorted({float(level) for one in found for level in one.drawn.rows[:, 0]}, reverse=True)
    over = [each for of in (LISTS, WINDOWS) for level in levels if (each := dispersion(found, level, of)) is not None]
    again = [each for one in found for each in repeated(one)]
    judged, wrong = repeats_wrong(again)
    return Check(
        name="own-map",
        title="Own-map p-values",
        question="Of background lists beside one sky map, does a fraction p reach the statistic at which the own-map "
        "background states p, and is p known as well as it states?",
        criterion=_criterion(over),
        value="; ".join(map(_in_words, over)) + _of_labels(again),
        verdict=verdict(3 * len(over) + judged, sum(one.wrong for one in over) + wrong),
        limits="Lists and background draw from the same real events of one season, at right ascensions and times "
        "that are scrambled alike; windows as they were are of that season too. That it stands for the sky and the "
        "detector of the alert is not tested.",
        plots=(own_map_plot({level: _points(found, level) for level in levels}),),
        tables=(_by_map(found), *([_by_label(again)] if again else [])),
    )


def _criterion(over: Sequence[Dispersion]) -> str:
    low, high = SPREAD
    return (
        f"for p near {', '.join(sorted({f'{one.level:g}' for one in over}))}, over all maps, for exact lists and for "
        "windows of the season as they were: Σz² has a χ² probability between "
        f"{LEAST_P:g} and {1 - LEAST_P:g}, |mean z| ≤ {Z_MEAN:g}/√maps, no |z| above {Z_ONE:g}, with the binomial "
        "variance of the lists and the error stated for lists and terms. Where a map has "
        f"{LEAST_LABELS} labels: spread over the error stated from {low:g} to {high:g} over all such maps, bias "
        f"within {BIAS:.0%} and three standard errors on each"
    )


def _in_words(one: Dispersion) -> str:
    return (
        f"at p near {one.level:g} stated {one.stated:.5f}, {one.of} {one.fraction:.5f} on {one.maps} maps, "
        f"χ² p = {one.p:.3g}, mean z {one.mean:+.2f}, worst {one.worst:+.1f}"
    )


def _points(found: list[OnMap], level: float) -> Float:
    """(maps, 3) area, exact fraction over the p stated, and one sigma of that."""
    points = []
    for one in found:
        if (row := one.row(level)) is not None:
            _, _, p, error, fraction, _ = row.tolist()
            points.append(
                (one.drawn.area_deg2, fraction / p, math.sqrt((1 - p) / p / one.drawn.lists + (error / p) ** 2))
            )
    return np.array(points).reshape(-1, 3)


def _of_labels(again: list[Repeated]) -> str:
    if not again:
        return ""
    spread, worst = math.sqrt(np.mean([one.spread**2 for one in again])), max(abs(one.bias) for one in again)
    return f"; {again[0].labels} labels: spread {spread:.2f} of the error stated, largest bias {worst:.1%}"


def _by_map(found: list[OnMap]) -> PageTable:
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.population, float(f"{one.drawn.area_deg2:.3g}"),
         "map" if one.drawn.has_distance else "none", level, f"{p:.4g} ± {error:.2g}", float(f"{fraction:.4g}"),
         one.drawn.lists, round(one.z(level, LISTS), 2), *_of_windows(one, level))
        for one in found
        for level, _, p, error, fraction, _ in one.drawn.rows.tolist()
    ]  # fmt: skip
    columns = (
        "map",
        "population",
        "90 % region (deg²)",
        "distance",
        "p near",
        "p stated",
        "exact fraction",
        "lists",
        "z",
        "fraction of windows",
        "windows",
        "z of windows",
    )
    caption = (
        "Each map: the p stated at one statistic, and the fractions of exact lists and real windows that reach it."
    )
    return PageTable(caption, columns, tuple(rows))


def _of_windows(one: OnMap, level: float) -> tuple[Cell, ...]:
    fraction, count = one.fraction(level, WINDOWS)
    return (float(f"{fraction:.4g}"), count, round(one.z(level, WINDOWS), 2)) if count else ("", 0, "")


def _by_label(again: list[Repeated]) -> PageTable:
    rows: list[tuple[Cell, ...]] = [
        (one.name, one.level, one.labels, float(f"{one.mean:.4g}"), f"{one.error_stated:.1%}", round(one.spread, 2),
         f"{one.bias:+.1%} ± {one.error:.1%}")
        for one in again
    ]  # fmt: skip
    columns = ("map", "p near", "labels", "mean p stated", "error stated", "spread / stated", "bias")
    caption = (
        "The same map and statistic with other labels, which draw other random numbers: how far the p stated "
        "scatters over the error that each states, and their mean against the exact lists."
    )
    return PageTable(caption, columns, tuple(rows))
