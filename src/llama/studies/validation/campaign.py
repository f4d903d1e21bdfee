"""All checks at one size, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from llama.studies.validation.bracket import check_bracket
from llama.studies.validation.calibration import check_calibration
from llama.studies.validation.check import Check
from llama.studies.validation.inputs import Inputs
from llama.studies.validation.recovery import Trials, check_comparison, check_recovery, draw_trials
from llama.studies.validation.uniformity import check_uniformity


@dataclass(frozen=True)
class Size:
    """How much is drawn: events per model, per population, injections per background event, maps, neutrinos."""

    name: str
    calibration_events: int
    background_events: int
    trial_events: int
    injected_share: float
    maps: int
    neutrinos: int


SIZES: Mapping[str, Size] = {
    size.name: size
    for size in (
        Size("small", 2_000, 100, 80, 0.5, 2, 60_000),
        Size("medium", 20_000, 2_000, 2_000, 0.5, 24, 100_000),
        Size("full", 250_000, 10_000, 10_000, 0.5, 1_000, 500_000),
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


def checks(inputs: Inputs, size: Size, seed: int, workers: int) -> Mapping[str, Callable[[], Check]]:
    """Every check by name, none begun."""
    some = replace(inputs, populations=tuple(p.first(size.maps) for p in inputs.populations))
    trials = _Drawn(lambda: draw_trials(some, seed, size.trial_events, size.injected_share, workers))
    return {
        "calibration": lambda: check_calibration(some, seed, size.calibration_events, workers),
        "uniformity": lambda: check_uniformity(some, seed, size.background_events, workers),
        "recovery": lambda: check_recovery(trials()),
        "comparison": lambda: check_comparison(trials()),
        "bracket": lambda: check_bracket(some, seed, size.neutrinos),
    }


NAMES = ("calibration", "uniformity", "recovery", "comparison", "bracket")


def run(inputs: Inputs, size: Size, seed: int, workers: int, only: Sequence[str] = ()) -> Iterator[Check]:
    """The checks as they are done; `only` some of NAMES."""
    for name, check in checks(inputs, size, seed, workers).items():
        if not only or name in only:
            yield check()
