"""More than two messengers: the same kernel, nothing changed by what has nothing to say, and a closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from statistic_reference import alpha, q_one, radial_grid, signal_density
from test_coincidence import CBC, GPS, SEASON, TRIGGER, isotropic, rough_map, several

from llama.science.companions.companion import Companion, Listening, log_silence_unless, not_listening
from llama.science.companions.grb import GRBModel, Measured, log_heard, log_heard_at_all, log_noise
from llama.science.detector.antenna import AntennaPattern
from llama.science.sky.cells import split
from llama.science.sky.localisation import circle
from llama.science.sky.product_map import product
from llama.science.sky.psf import unit_vectors
from llama.science.sky.skymap import directions, probability
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.many import company
from llama.science.statistic.observed import GWTrigger, Neutrinos

MODEL = GRBModel()
NEUTRINOS = several()
SKY = rough_map(order=3, mu=60.0)
SKY = replace(SKY, distnorm=np.ones(SKY.density.size))
PINNED = replace(CBC, distance_mode="pinned")


def burst(ra=1.0, dec=0.3, sigma_deg=5.0, delay_s=1.7, name="GRB", fluence=None) -> Companion:
    measured = Measured(t90_s=1.0, fluence=fluence)
    sky = circle(ra, dec, {np.radians(sigma_deg): 1.0}, {})
    heard, noise = log_heard(MODEL, measured), log_noise(MODEL, measured)
    return Companion(name, GPS + delay_s, MODEL.minus_s, MODEL.plus_s, sky, MODEL.rate_hz, noise, heard)


def fermi(*bursts: Companion, silence: bool = True) -> Listening:
    heard = log_heard_at_all(MODEL, subthreshold=False)
    return Listening("fermi", bursts, log_silence_unless(heard) if silence else not_listening)


def joined(*listenings: Listening, sky=SKY, search=CBC, trigger=TRIGGER, neutrinos=NEUTRINOS):
    heard = None if neutrinos is None else (neutrinos, SEASON)
    return company(sky, trigger, heard, search, listenings)


@pytest.mark.parametrize("search", [CBC, replace(CBC, complement=False, strangers=False)])
def test_two_messengers_are_the_two_messenger_case(search):
    two = coincidence(SKY, TRIGGER, NEUTRINOS, SEASON, search)
    for found in (joined(search=search), joined(fermi(silence=False), search=search)):
        assert found.event.log_odds == pytest.approx(two.ensemble.log_odds, abs=1e-12)
        assert found.p_astro_after == pytest.approx(two.p_astro_after, abs=1e-12)


def test_a_burst_far_away_in_time_or_sky_changes_nothing():
    quiet = joined(fermi())
    far_sky = replace(SKY, density=np.where(directions(SKY)[:, 2] > 0, SKY.density, 0.0))
    quiet_north = joined(fermi(), sky=far_sky)
    late = joined(fermi(burst(delay_s=1000.0)))
    south = joined(fermi(burst(dec=-1.3, sigma_deg=1.0)), sky=far_sky)
    assert late.event.log_odds == pytest.approx(quiet.event.log_odds, abs=1e-9)
    assert south.event.log_odds == pytest.approx(quiet_north.event.log_odds, abs=1e-6)
    assert late.p_astro_after == pytest.approx(quiet.p_astro_after, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delay_s", "heard"), [(-1.1, False), (-0.9, True), (4.9, True), (5.1, False), (200.0, False)]
)
def test_a_burst_counts_when_it_comes_when_it_should(delay_s, heard):
    found = joined(fermi(burst(delay_s=delay_s)))
    assert (found.sets[0].terms.log_b > -np.inf) == heard


def test_a_burst_that_could_not_be_heard_changes_nothing():
    deaf = replace(burst(), log_heard=lambda r: np.full(np.shape(r), -np.inf))
    plain, with_it = joined(fermi(silence=False)), joined(fermi(deaf, silence=False))
    assert with_it.event.log_odds == pytest.approx(plain.event.log_odds, abs=1e-12)


def test_a_coincident_burst_says_that_the_merger_is_real():
    quiet, heard = joined(fermi()), joined(fermi(burst()))
    assert heard.p_astro_after > 0.9 > quiet.p_astro_after
    assert heard.event.log_odds > quiet.event.log_odds + 3
    assert quiet.log_complement < joined().log_complement  # a near merger is a little likelier to be heard


def test_merger_and_burst_on_an_isotropic_sky_at_one_distance_are_a_closed_form():
    mpc = 80.0
    sky = replace(isotropic(mpc, 1.0), distmean_mpc=mpc)
    found = joined(fermi(burst(), silence=False), sky=sky, search=PINNED, neutrinos=None)
    one = burst()
    heard = float(one.log_heard(np.array([mpc]))[0]) - one.log_noise - np.log(one.rate_hz)
    expected = heard - np.log(6.0)  # the merger's time is known, the burst's window has 6 s
    assert found.sets[0].terms.log_b == pytest.approx(expected, abs=1e-9)
    assert found.event.log_odds == pytest.approx(np.log(0.3) + expected, abs=1e-9)


@pytest.mark.parametrize(("energy_gev", "sigma_deg"), [(4e3, 3.0), (2e5, 1.0)])
def test_one_burst_and_one_neutrino_are_the_fifteen_hypotheses(energy_gev, sigma_deg):
    """The event's odds of everything together are those of the three messengers one by one."""
    neutrino = Neutrinos(*(np.array([v]) for v in (GPS + 20, 1.02, 0.29, np.radians(sigma_deg), energy_gev)))
    found = joined(fermi(burst()), neutrinos=neutrino, search=replace(CBC, source_rate_mpc3_s=1e-17))
    (one,) = found.sets
    assert found.event.log_odds == pytest.approx(float(one.weights_with_neutrino.log_odds()[0]), abs=1e-9)


def test_with_the_antenna_pattern_a_burst_is_weighed_by_how_well_its_direction_is_heard():
    search = replace(CBC, distance_mode="marginal", antenna_pattern=True)
    trigger = GWTrigger(GPS, 12.0, None, ("H1", "L1"))
    pattern = AntennaPattern.of(("H1", "L1"), GPS)
    sky, listener = isotropic(), Listening("fermi", (), not_listening)
    cube = (
        pattern.amplitude(directions(split(split(split(split(sky, range(12)), range(48)), range(192)), range(768))))
        ** 3
    )
    for ra, dec in ((1.0, 0.3), (3.0, -0.2)):
        one = replace(burst(ra, dec, 1.0), log_heard=lambda r: np.zeros(np.shape(r)))
        log_b = joined(replace(listener, companions=(one,)), sky=sky, search=search, trigger=trigger, neutrinos=None)
        own = pattern.amplitude(unit_vectors(np.array([ra]), np.array([dec])))[0] ** 3 / cube.mean()
        expected = np.log(own) - one.log_noise - np.log(one.rate_hz * 6)
        assert log_b.sets[0].terms.log_b == pytest.approx(expected, abs=0.02)


def test_three_messengers_against_a_sum_over_cells_and_distances():
    """B of merger, burst and one neutrino: the integrand summed over fine cells of the burst's map."""
    neutrino = type(NEUTRINOS)(
        np.array([GPS + 20.0]), np.array([1.05]), np.array([0.28]), np.radians([3.0]), np.array([4e3])
    )
    one, sky = burst(sigma_deg=4.0), isotropic(90.0, 12.0)
    found = joined(fermi(one, silence=False), sky=sky, neutrinos=neutrino)
    fine = split(one.skymap, np.arange(one.skymap.density.size))
    where, share = directions(fine), probability(fine)
    cosine = where @ np.array([np.cos(0.28) * np.cos(1.05), np.cos(0.28) * np.sin(1.05), np.sin(0.28)])
    kappa = 1 / np.radians(3.0) ** 2
    psf = kappa / (2 * np.pi * -np.expm1(-2 * kappa)) * np.exp(kappa * (cosine - 1))
    scale = alpha(SEASON, where[:, 2])
    bins = np.linspace(scale.min(), scale.max(), 60)
    r, p = radial_grid(90.0, 12.0)
    chance = np.exp(one.log_heard(r) - one.log_noise - np.log(one.rate_hz)) * p
    mean = np.array([(chance * q_one(CBC, np.full(r.size, a), r)).sum() for a in bins])
    signal = signal_density(SEASON, 4e3, where[:, 2]) / scale * np.interp(scale, bins, mean)
    total = (share * psf * signal).sum()  # ∫ P_gw 4πP_γ … with P_gw = 1/4π
    log_b = np.log(total / 6 * (500 - 20) / 500 / 500 / CBC.beaming) - float(found.two.candidates.log_background[0])
    assert found.sets[0].terms.log_b_single[0] == pytest.approx(log_b, abs=3e-3)


@pytest.mark.slow
def test_the_order_of_messengers_does_not_matter():
    other = replace(fermi(burst(ra=1.1, delay_s=0.5, name="other")), messenger="other")
    first, second = joined(fermi(burst()), other), joined(other, fermi(burst()))
    assert second.event.log_odds == pytest.approx(first.event.log_odds, abs=1e-6)
    assert {frozenset(one.names) for one in first.sets} == {
        frozenset({"fermi"}),
        frozenset({"other"}),
        frozenset({"fermi", "other"}),
    }


def test_without_neutrinos_and_without_p_astro():
    found = joined(fermi(burst()), neutrinos=None, trigger=GWTrigger(GPS, 9.0, None))
    assert np.isfinite(found.event.log_odds) and found.two is None and found.p_astro_after is None
    assert found.sets[0].weights_with_neutrino is None
    assert any("no p_astro" in note for note in found.notes)


def test_messengers_need_names_of_their_own():
    with pytest.raises(ValueError, match="names of their own"):
        joined(fermi(), fermi())


def test_product_of_maps_does_not_depend_on_their_cells():
    one = burst().skymap
    whole, log_z = product(SKY, one)
    finer, log_z_finer = product(split(SKY, np.arange(SKY.density.size)), one)
    back, log_z_back = product(one, SKY)
    assert log_z == pytest.approx(log_z_finer, abs=1e-12) and log_z == pytest.approx(log_z_back, abs=1e-12)
    assert probability(whole).sum() == pytest.approx(1.0) and probability(back).sum() == pytest.approx(1.0)
    assert whole.distmu is not None and back.distmu is None
    assert finer.density.max() == pytest.approx(whole.density.max())
    uniform, log_one = product(isotropic(), one)
    assert log_one == pytest.approx(0.0, abs=1e-9) and uniform.density.max() == pytest.approx(one.density.max())


@pytest.mark.slow
def test_what_lies_outside_every_window_counts_nowhere_and_is_told():
    quiet = joined(fermi())
    for delay_s, words in ((1000.0, "1000.00 s after"), (-1000.0, "1000.00 s before"), (1.6e8, "1851.9 days after")):
        found = joined(fermi(burst(delay_s=delay_s)))
        assert found.event.log_odds == quiet.event.log_odds and found.p_astro_after == quiet.p_astro_after
        note = f"candidate GRB came {words} the merger, outside its window of -1 to +5 s: it counts nowhere"
        assert note in found.notes
    near = joined(fermi(burst(delay_s=300.0)))
    assert any("300.00 s after the merger" in note and "not counted with the merger" in note for note in near.notes)
    alone = joined(fermi(burst(delay_s=300.0)), neutrinos=None)
    assert any("it counts nowhere" in note for note in alone.notes)


def test_a_list_of_another_time_is_no_silence():
    """A list that does not say which time it is of, and whose candidates are all years away, says nothing here."""
    without = joined()
    for delay_s in (1.6e8, -1.6e8):
        listed = replace(fermi(burst(delay_s=delay_s)), window_known=False)
        found = joined(listed)
        assert found.event.log_odds == pytest.approx(without.event.log_odds, abs=1e-12)
        assert any("taken to be of another time" in note for note in found.notes)
    missed = replace(fermi(burst(delay_s=7.0)), window_known=False)  # by two seconds of a window of six
    assert joined(missed).event.log_odds == pytest.approx(joined(fermi()).event.log_odds, abs=1e-6)
