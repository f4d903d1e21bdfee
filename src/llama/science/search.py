"""Everything an answer depends on besides the data: one frozen record per population, saved with every result.

Defaults are the numbers of a real O4 result file (population "cbc"). The packaged `search.json` holds a record for
each population, every number with its source. Energies of sources are in eu = 1 kg Mpc² s⁻² = 9.5214e44 J.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

DistanceMode = Literal["auto", "map", "pinned", "marginal"]
PValueFrom = Literal["map", "population"]

JOULE_PER_EU = 9.521406136918413e44  # (1 Mpc in m)² for 1 kg and 1 s
ERG51_PER_EU = JOULE_PER_EU * 1e7 / 1e51
REFERENCE_MPC = 100.0  # where `n_51_100` is counted


@dataclass(frozen=True)
class Search:
    """Parameters of the coincidence statistic.

    Attributes:
        name: the population it is for, `cbc`, `bns`, …; what results and background tables call it.
        run: observing run whose detectors the background sky maps stand for; part of a background table's name.
        t_gw_minus_s … t_nu_plus_s: window of each messenger's detection time after the source's time.
        e_gw_min_eu, e_gw_max_eu: range of the log-uniform prior on the energy in gravitational waves, isotropic
            equivalent. Used in `marginal` mode only.
        e_nu_min_eu, e_nu_max_eu: the same for the energy in muon neutrinos at Earth, 10 to 1e8 GeV.
        beaming: f_b; one source in f_b points its neutrinos at us.
        n_51_100: expected neutrinos, sky average, of a source of 1e51 erg at 100 Mpc (E⁻² spectrum).
        source_rate_mpc3_s: rate density of sources.
        k0_mpc: κ0 of SNR = κ0 √E_gw f_A / r, in Mpc per √eu.
        snr_min: threshold on the network SNR.
        gw_background_rate_hz: rate of noise triggers, used where there is no p_astro.
        gw_background_snr_scale: noise triggers fall as exp(−(SNR − snr_min)/scale) above threshold. An assumption;
            it cancels where there is a p_astro.
        gw_background_snrs: SNR of noise triggers above threshold, of which the density is estimated instead of that
            exponential; empty where there is no such list.
        antenna_pattern: let a merger's SNR depend on its direction, f_A < 1. Used in `marginal` mode and where the
            merger's rate comes from the model; k0_mpc is then that of the best direction.
        neutrino_rate_hz: rate of the neutrino sample; None takes that of the season which supplied the neutrinos.
        energy_min_gev, energy_max_gev: reconstructed energies outside this band are refused.
        energy_window_dex: half width of the window that counts background neutrinos, in log10 energy.
        declination_window_deg: half width of the same window in declination.
        distance_mode: `map` uses each direction's own distance, `pinned` one distance for all, `marginal` none;
            `auto` is `map` when the sky map has distances and the trigger a p_astro, else `marginal`.
        complement: count real mergers whose neutrinos were not seen a little lower (factor c).
        strangers: let an unrelated astrophysical neutrino stand beside a real merger too.
        alert_rate_hz: rate of significant alerts of this population; joint false alarm rates are p-values times it.
        low_significance_rate_hz: the same for alerts of low significance.
        p_value_from: what `p_value` says: `map`, how often unrelated neutrinos look so related to this very alert's
            map, or `population`, how often to any map of a background table.
    """

    name: str = "cbc"
    run: str = "o4"
    t_gw_minus_s: float = -250.0
    t_gw_plus_s: float = 250.0
    t_nu_minus_s: float = -250.0
    t_nu_plus_s: float = 250.0
    e_gw_min_eu: float = 18.7
    e_gw_max_eu: float = 1870.0
    e_nu_min_eu: float = 1e-6
    e_nu_max_eu: float = 0.1
    beaming: float = 10.0
    n_51_100: float = 1.1
    source_rate_mpc3_s: float = 7.578640284119736e-16
    k0_mpc: float = 1190.0
    snr_min: float = 5.59
    gw_background_rate_hz: float = 1 / 86400
    gw_background_snr_scale: float = 0.2
    gw_background_snrs: tuple[float, ...] = ()
    antenna_pattern: bool = False
    neutrino_rate_hz: float | None = None
    energy_min_gev: float = 10.0
    energy_max_gev: float = 1e8
    energy_window_dex: float = 0.29162115354365997
    declination_window_deg: float = 180 / 70
    distance_mode: DistanceMode = "auto"
    complement: bool = True
    strangers: bool = True
    alert_rate_hz: float = 249 / (753 * 86400)
    low_significance_rate_hz: float = 2 / 86400
    p_value_from: PValueFrom = "map"

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_positive(self)
        _check_counts(self)
        _check_background_snrs(self)
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"search {self.name!r}: a name is of small letters and digits, it becomes part of others"
            )
        if not _NAME.fullmatch(self.run):
            raise ValueError(
                f"search {self.name}: run is {self.run!r}; it is of small letters and digits like o4, as it becomes "
                "part of a background table's name"
            )
        if not self.declination_window_deg <= 180:
            raise ValueError(
                f"search {self.name}: declination_window_deg is {self.declination_window_deg}, it cannot be above 180"
            )
        if not self.beaming < math.inf:
            raise ValueError(f"search {self.name}: beaming is {self.beaming}, it must be finite")
        if self.beaming < 1:
            raise ValueError(f"search {self.name}: beaming is {self.beaming}, it cannot be below 1")
        if self.distance_mode not in ("auto", "map", "pinned", "marginal"):
            raise ValueError(
                f"search {self.name}: distance_mode {self.distance_mode!r} is none of auto, map, pinned, marginal"
            )
        if self.p_value_from not in ("map", "population"):
            raise ValueError(f"search {self.name}: p_value_from {self.p_value_from!r} is neither map nor population")

    @property
    def log_gw_span(self) -> float:
        """L_gw = ln(E⁺/E⁻) of the prior on E_gw."""
        return math.log(self.e_gw_max_eu / self.e_gw_min_eu)

    @property
    def log_nu_span(self) -> float:
        """L_ν = ln(E⁺/E⁻) of the prior on E_ν."""
        return math.log(self.e_nu_max_eu / self.e_nu_min_eu)

    @property
    def count_min_mpc2(self) -> float:
        """a⁻: the faintest source at distance r gives α a⁻/r² neutrinos on average."""
        return self._count_mpc2(self.e_nu_min_eu)

    @property
    def count_max_mpc2(self) -> float:
        """a⁺: the same for the brightest source."""
        return self._count_mpc2(self.e_nu_max_eu)

    def _count_mpc2(self, energy_eu: float) -> float:
        return self.n_51_100 * energy_eu * ERG51_PER_EU * REFERENCE_MPC**2

    def horizon_mpc(self, energy_eu: float) -> float:
        """r0: how far a source of this E_gw reaches the SNR threshold in the best direction."""
        return self.k0_mpc * math.sqrt(energy_eu) / self.snr_min


_HUGE = 1e30  # so that squares and cubes of every number are finite
_LEAST_COUNT, _MOST_COUNT = 1e-12, 1e12
_NAME = re.compile(r"[a-z0-9_]+")
_RANGES = (
    ("t_gw_minus_s", "t_gw_plus_s"),
    ("t_nu_minus_s", "t_nu_plus_s"),
    ("e_gw_min_eu", "e_gw_max_eu"),
    ("e_nu_min_eu", "e_nu_max_eu"),
    ("energy_min_gev", "energy_max_gev"),
)
_POSITIVE = (
    "e_gw_min_eu",
    "e_nu_min_eu",
    "n_51_100",
    "source_rate_mpc3_s",
    "k0_mpc",
    "snr_min",
    "gw_background_rate_hz",
    "gw_background_snr_scale",
    "alert_rate_hz",
    "low_significance_rate_hz",
    "energy_min_gev",
    "energy_window_dex",
    "declination_window_deg",
)


def _check_ranges(search: Search) -> None:
    for low, high in _RANGES:
        if not -_HUGE < getattr(search, low) < getattr(search, high) < _HUGE:
            raise ValueError(f"search {search.name}: {low} must be below {high}, both finite")


def _check_counts(search: Search) -> None:
    least, most = search.count_min_mpc2, search.count_max_mpc2
    if not _LEAST_COUNT < least < most < _MOST_COUNT:
        raise ValueError(
            f"search {search.name}: n_51_100 with e_nu_min_eu and e_nu_max_eu gives {least:.3g} to {most:.3g} "
            f"neutrinos at 1 Mpc, which must lie between {_LEAST_COUNT:g} and {_MOST_COUNT:g}"
        )


def _check_positive(search: Search) -> None:
    for name in _POSITIVE:
        if not 1 / _HUGE < getattr(search, name) < _HUGE:
            raise ValueError(
                f"search {search.name}: {name} is {getattr(search, name)}, it must be positive and finite"
            )
    if search.neutrino_rate_hz is not None and not 1 / _HUGE < search.neutrino_rate_hz < _HUGE:
        raise ValueError(f"search {search.name}: neutrino_rate_hz is {search.neutrino_rate_hz}, it must be positive")


def _check_background_snrs(search: Search) -> None:
    low = [snr for snr in search.gw_background_snrs if not search.snr_min <= snr < math.inf]
    if low:
        raise ValueError(
            f"search {search.name}: gw_background_snrs holds {low[0]}; each must be finite and not below "
            f"snr_min = {search.snr_min}"
        )
    if len(search.gw_background_snrs) == 1:
        raise ValueError(f"search {search.name}: gw_background_snrs holds one SNR; a density needs two or more")


def as_parameters(search: Search, season_rate_hz: float | None = None) -> dict[str, Any]:
    """The search under the names of the original result files, for `inputs.search_parameters`.

    `season_rate_hz` is what `ratebgnu` becomes when the search leaves the rate to the season (null when unknown).
    """
    return {
        "population": search.name,
        "sensitivity": search.run,
        "tgwminus": search.t_gw_minus_s,
        "tgwplus": search.t_gw_plus_s,
        "tnuminus": search.t_nu_minus_s,
        "tnuplus": search.t_nu_plus_s,
        "Egwmin": search.e_gw_min_eu,
        "Egwmax": search.e_gw_max_eu,
        "Enumin": search.e_nu_min_eu,
        "Enumax": search.e_nu_max_eu,
        "fb": search.beaming,
        "nu_51_100": search.n_51_100,
        "ndotgwnu": search.source_rate_mpc3_s,
        "k0": search.k0_mpc,
        "rhomin": search.snr_min,
        "ratebggw": search.gw_background_rate_hz,
        "bggw_snr_scale": search.gw_background_snr_scale,
        "bggw_snrs": list(search.gw_background_snrs),
        "antenna_pattern": search.antenna_pattern,
        "ratebgnu": season_rate_hz if search.neutrino_rate_hz is None else search.neutrino_rate_hz,
        "εmin": search.energy_min_gev,
        "εmax": search.energy_max_gev,
        "ΔE": search.energy_window_dex,
        "δω": search.declination_window_deg,
        "distance_mode": search.distance_mode,
        "complement": search.complement,
        "strangers": search.strangers,
        "ratealert": search.alert_rate_hz,
        "ratealertlow": search.low_significance_rate_hz,
        "p_value_from": search.p_value_from,
    }
