"""All checks at one size, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llama.studies.blocks import Blocks
from llama.studies.validation.bracket import check_bracket
from llama.studies.validation.calibration import check_calibration
from llama.studies.validation.check import Check
from llama.studies.validation.comparison import check_comparison
from llama.studies.validation.inputs import CheckInputs
from llama.studies.validation.own_map_check import OwnMapSize, check_own_map
from llama.studies.validation.recovery import Trials, check_recovery, draw_trials
from llama.studies.validation.statements import AS_SEARCHED, FREQUENT, STRONG
from llama.studies.validation.uniformity import check_uniformity


@dataclass(frozen=True)
class Size:
    """How much is drawn: events of each kind of model, per population, injections per background event,
    maps, and what own maps are tried with."""

    name: str
    calibration_events: Mapping[str, int]
    background_events: int
    trial_events: int
    injected_share: float
    maps: int
    neutrinos: int
    own_map: OwnMapSize


def _events(as_searched: int, strong: int, frequent: int) -> Mapping[str, int]:
    return {AS_SEARCHED: as_searched, STRONG: strong, FREQUENT: frequent}


SIZES: Mapping[str, Size] = {
    size.name: size
    for size in (
        Size("small", _events(400, 200, 3_000), 300, 500, 0.3, 6, 100_000, OwnMapSize(2, 500, 0)),
        Size("medium", _events(20_000, 5_000, 10_000), 2_000, 2_000, 0.5, 40, 100_000, OwnMapSize(40, 2_000, 0)),
        Size(
            "full",
            _events(250_000, 50_000, 100_000),
            10_000,
            10_000,
            0.5,
            1_000,
            500_000,
            OwnMapSize(1_000, 10_000, 50, deep_maps=10, deep_lists=200_000),
        ),
    )
}


@dataclass
class _Drawn:
    """Trials that two checks share, drawn when the first needs them."""

    draw: Callable[[], Mapping[str, Trials]]
    trials: Mapping[str, Trials] | None = None

    def __call__(self) -> Mapping[str, Trials]:
        if self.trials is None:
            self.trials = self.draw()
        return self.trials


def checks(inputs: CheckInputs, size: Size, seed: int, by: Blocks) -> Mapping[str, Callable[[], Check]]:
    """Every check by name, none begun."""
    some = replace(inputs, populations=tuple(p.first(size.maps) for p in inputs.populations))
    trials = _Drawn(lambda: draw_trials(some, seed, size.trial_events, size.injected_share, by))
    return {
        "calibration": lambda: check_calibration(some, seed, size.calibration_events, by),
        "uniformity": lambda: check_uniformity(some, seed, size.background_events, by),
        "recovery": lambda: check_recovery(trials()),
        "comparison": lambda: check_comparison(trials(), seed),
        "bracket": lambda: check_bracket(some, seed, size.neutrinos),
        "own-map": lambda: check_own_map(some, seed, size.own_map, by),
    }


NAMES = ("calibration", "uniformity", "recovery", "comparison", "bracket", "own-map")


def run(inputs: CheckInputs, size: Size, seed: int, by: Blocks, only: Sequence[str] = ()) -> Iterator[Check]:
    """The checks as they are done; `only` some of NAMES."""
    for name, check in checks(inputs, size, seed, by).items():
        if not only or name in only:
            yield check()
