"""Each check's verdict fails when something is wrong: statistic, table or normalisation broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import llama
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector import SeasonTable
from llama.science.statistic import log_stranger_rate, merger_host
from llama.studies.blocks import Blocks, InTurn
from llama.studies.validation import bracket, calibration, comparison, evaluate, recovery, uniformity
from llama.studies.validation.campaign import SIZES
from llama.studies.validation.check import Check
from llama.studies.validation.inputs import CheckInputs, synthetic_pool, synthetic_populations
from llama.studies.validation.recovery import OURS, STATISTICS, Trials, detected
from llama.studies.validation.statements import FREQUENT
from llama.studies.validation.uniformity import BackgroundSample

DATA = Path(llama.__file__).parent / "data"


@pytest.fixture(scope="module")
def season() -> SeasonTable:
    return IceCubeTablesFile().read(DATA / "icecube_tables.h5").season("IC86-2011")


@pytest.fixture(scope="module")
def inputs(season: SeasonTable) -> CheckInputs:
    searches = SearchesFile().read(DATA / "search.json")
    return CheckInputs(synthetic_populations(searches), synthetic_pool(season), season)


def _calibration(inputs: CheckInputs) -> Check:
    """As CI has it at the small size, where it passes; the kind of model that shows the scale of odds."""
    events = {FREQUENT: SIZES["small"].calibration_events[FREQUENT]}
    return calibration.check_calibration(inputs, 1, events, Blocks(InTurn()))


@pytest.mark.slow
def test_odds_wrong_by_two_are_noticed(inputs: CheckInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*given):
        host = merger_host(*given)
        return replace(host, log_rate=host.log_rate + np.log(2.0))

    monkeypatch.setattr(evaluate, "merger_host", wrong)
    assert _calibration(inputs).verdict == "fail"


@pytest.mark.slow
def test_strangers_wrong_by_two_are_noticed(inputs: CheckInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "log_stranger_rate", lambda *given: log_stranger_rate(*given) + np.log(2.0))
    assert _calibration(inputs).verdict == "fail"


def _samples(
    rng: np.random.Generator, shift: float, maps: int = 40, each: int = 250
) -> tuple[BackgroundSample, BackgroundSample]:
    """A table and events of maps that differ as real ones do; p-values near 0 are too small by e^shift."""
    skymap = np.repeat(np.arange(maps), each)
    offset = 0.5 * rng.normal(size=maps)[skymap]
    table, events = (rng.exponential(size=maps * each) + offset for _ in range(2))
    return BackgroundSample(table, skymap), BackgroundSample(np.where(events > 1, events + shift, events), skymap)


def _uniformity(table: BackgroundSample, events: BackgroundSample) -> Check:
    return uniformity.judge([uniformity.measure(np.random.default_rng(2), "some", table, events)])


@pytest.mark.slow
def test_uniform_p_values_pass() -> None:
    assert _uniformity(*_samples(np.random.default_rng(1), 0.0)).verdict == "pass"


@pytest.mark.slow
def test_p_values_wrong_by_a_factor_near_zero_are_noticed() -> None:
    """A Kolmogorov–Smirnov test alone would not see it."""
    rng = np.random.default_rng(1)
    table, events = _samples(rng, 0.0)
    tail = np.quantile(events.log_odds, 0.98)
    log_odds = np.where(events.log_odds > tail, events.log_odds + 1.5, events.log_odds)
    assert uniformity.ks(table.log_odds, log_odds)[1] > uniformity.LEAST_P
    assert _uniformity(table, BackgroundSample(log_odds, events.skymap)).verdict == "fail"


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_table_wrong_by_a_factor_fails_on_other_maps(factor: float) -> None:
    table, events = _samples(np.random.default_rng(1), np.log(factor))
    found = uniformity.transfer(np.random.default_rng(2), table, events)
    assert found.stated.size and found.wrong
    assert _uniformity(table, events).verdict == "fail"


@pytest.mark.slow
def test_maps_too_unlike_each_other_fail_on_other_maps() -> None:
    """The same maps cannot show it: there the table holds every map's own events."""
    rng = np.random.default_rng(1)
    skymap = np.repeat(np.arange(40), 250)
    offset = np.where(skymap == 7, 6.0, 0.0)  # one map alone makes the tail
    table, events = (BackgroundSample(rng.normal(size=10_000) + offset, skymap) for _ in range(2))
    assert uniformity.ks(table.log_odds, events.log_odds)[1] > uniformity.LEAST_P
    assert all(abs(one.z) < uniformity.Z_LIMIT for one in uniformity.tails(table.log_odds, events.log_odds) if one.z)
    assert uniformity.transfer(rng, table, events).wrong
    alike = [BackgroundSample(sample.log_odds - offset, skymap) for sample in (table, events)]
    assert not uniformity.transfer(rng, *alike).wrong


def test_other_maps_are_not_judged_with_few() -> None:
    table, events = _samples(np.random.default_rng(1), 0.0, maps=uniformity.LEAST_MAPS - 1)
    assert not uniformity.transfer(np.random.default_rng(2), table, events).stated.size
    assert "not judged" in _uniformity(table, events).value


def _trials(rng: np.random.Generator, rival: float, events: int = 3000, maps: int = 20) -> Trials:
    """Signals 3σ above background by this search, `rival` σ by the others, with a part that they share."""
    shared = rng.normal(size=(2, events))
    at = {name: 3.0 if name == OURS else rival for name in STATISTICS}
    noise = {name: shared[0] + 0.3 * rng.normal(size=events) for name in STATISTICS}
    signal = {name: shared[1] + 0.3 * rng.normal(size=events) + at[name] for name in STATISTICS}
    where, one = np.arange(events) % maps, np.ones(events)
    return Trials(noise, signal, where, where, 100 * one, 10 ** (2 + 4 * rng.random(events)), 100 * one, one)


@pytest.mark.slow
@pytest.mark.parametrize(("rival", "verdict"), [(2.0, "pass"), (3.0, "pass"), (3.4, "fail")])
def test_a_better_statistic_is_noticed(rival: float, verdict: str) -> None:
    check = comparison.check_comparison({"some": _trials(np.random.default_rng(1), rival)}, seed=1)
    assert check.verdict == verdict, check.value


def test_too_few_events_or_maps_are_not_compared() -> None:
    for trials in (_trials(np.random.default_rng(1), 3.4, events=40), _trials(np.random.default_rng(1), 3.4, maps=3)):
        assert comparison.check_comparison({"some": trials}, seed=1).verdict == "not judged"


def test_intervals_hold_the_noise_of_the_threshold() -> None:
    """Their width against the scatter of the same comparison on fresh events."""
    rng = np.random.default_rng(1)
    values = [recovery.efficiency(_trials(rng, 2.0, 1000), OURS, 0.01)[0] for _ in range(100)]
    drawn = comparison.resampled(rng, _trials(rng, 2.0, 1000), [0.01], 300)[OURS][:, 0]
    naive = recovery.efficiency(_trials(rng, 2.0, 1000), OURS, 0.01)[1]
    assert np.std(values) > 1.5 * naive
    assert drawn.std() == pytest.approx(np.std(values), rel=0.5)


def test_weighted_efficiency_is_that_of_repeated_events() -> None:
    rng = np.random.default_rng(1)
    background, signal = rng.integers(0, 9, 200).astype(float), rng.integers(0, 12, 100).astype(float)
    noise, weight = rng.poisson(1.0, 200), rng.poisson(1.0, 100)
    probabilities = (0.02, 0.1, 0.5)
    found = comparison._Ranked.of(background, signal).efficiency(noise * 1.0, weight * 1.0, probabilities)
    repeated = np.repeat(background, noise), np.repeat(signal, weight)
    assert found.tolist() == pytest.approx([detected(*repeated, p).mean() for p in probabilities])


def test_recovery_of_nothing_fails() -> None:
    assert recovery.check_recovery({"some": _trials(np.random.default_rng(1), 2.0)}).verdict == "pass"
    dull = _trials(np.random.default_rng(1), 2.0)
    same = replace(dull, signal={**dull.signal, OURS: dull.background[OURS]})
    assert recovery.check_recovery({"some": same}).verdict == "fail"
    few = _trials(np.random.default_rng(1), 2.0, events=60)
    assert recovery.check_recovery({"some": few}).verdict == "not judged"


def _bracket(inputs: CheckInputs, season: SeasonTable) -> Check:
    """Of neutrinos that do not change when the response does."""
    search = inputs.populations[0].search
    return bracket.judge(bracket.norms(replace(inputs, season=season), search, 1, 60_000), ["bns"])


@pytest.mark.slow
def test_a_right_normalisation_passes(inputs: CheckInputs, season: SeasonTable) -> None:
    assert _bracket(inputs, season).verdict == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_background_in_the_south_is_noticed(inputs: CheckInputs, season: SeasonTable, factor: float) -> None:
    """Where α is a tenth: the mean of the bracket itself hardly moves there."""
    south = season.counts_dec_deg[1:] <= -30
    counts = np.where(south[:, None], season.counts * factor, season.counts)
    found = bracket.norms(
        replace(inputs, season=replace(season, counts=counts)), inputs.populations[0].search, 1, 60_000
    )
    wrong = found[bracket.AT_HAND]
    at = np.linspace(-1, 1, wrong.ratio.size) < -0.6
    assert np.abs(wrong.mean_bracket(0.1)[at] - 1).max() < 0.05
    assert bracket.judge(found, ["bns"]).verdict == "fail"
