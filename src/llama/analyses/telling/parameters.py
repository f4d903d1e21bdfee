"""The parameters of a search in words and with units, for the summary page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llama.science.search import ERG51_PER_EU

ERG_PER_EU = ERG51_PER_EU * 1e51


@dataclass(frozen=True)
class Phrase:
    """What one or two keys of `inputs.search_parameters` mean: words, and how their values are written."""

    words: str
    keys: tuple[str, ...]
    value: Callable[..., str]


def _range(unit: str) -> Callable[..., str]:
    return lambda low, high: f"{low:g} to {high:g} {unit}".replace("-", "−")


def _number(unit: str, digits: int = 3) -> Callable[..., str]:
    return lambda value: f"{value:.{digits}g} {unit}".rstrip()


def _erg(low_eu: float, high_eu: float) -> str:
    return f"{low_eu * ERG_PER_EU:.2e} to {high_eu * ERG_PER_EU:.2e} erg"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


_BACKGROUNDS = {"map": "the alert's own map", "population": "a population of maps"}

PHRASES = (
    Phrase("search", ("population",), str),
    Phrase("observing run of the background maps", ("sensitivity",), str),
    Phrase("gravitational wave after the source's time", ("tgwminus", "tgwplus"), _range("s")),
    Phrase("neutrino after the source's time", ("tnuminus", "tnuplus"), _range("s")),
    Phrase("energy in gravitational waves, isotropic", ("Egwmin", "Egwmax"), _erg),
    Phrase("energy in muon neutrinos, isotropic", ("Enumin", "Enumax"), _erg),
    Phrase("beaming: one source in … points at us", ("fb",), _number("")),
    Phrase("neutrinos from 1e51 erg at 100 Mpc", ("nu_51_100",), _number("")),
    Phrase("rate density of sources", ("ndotgwnu",), _number("Mpc⁻³ s⁻¹")),
    Phrase("SNR = k0 √E / distance, k0", ("k0",), _number("Mpc eu^−½", 4)),
    Phrase("SNR threshold", ("rhomin",), _number("")),
    Phrase("rate of gravitational-wave noise triggers", ("ratebggw",), _number("Hz")),
    Phrase("SNR scale of noise triggers", ("bggw_snr_scale",), _number("")),
    Phrase("detectors' antenna pattern used", ("antenna_pattern",), _yes),
    Phrase("rate of background neutrinos", ("ratebgnu",), _number("Hz")),
    Phrase("rate of significant alerts of this kind", ("ratealert",), _number("Hz")),
    Phrase("rate of low-significance alerts", ("ratealertlow",), _number("Hz")),
    Phrase("neutrino energies accepted", ("εmin", "εmax"), _range("GeV")),
    Phrase("background counted within, energy", ("ΔE",), _number("dex")),
    Phrase("background counted within, declination", ("δω",), _number("deg")),
    Phrase("distance mode asked for", ("distance_mode",), str),
    Phrase("mergers whose neutrinos were missed", ("complement",), lambda used: "counted" if used else "not counted"),
    Phrase("unrelated astrophysical neutrinos", ("strangers",), lambda used: "counted" if used else "not counted"),
    Phrase("p-value of", ("p_value_from",), _BACKGROUNDS.__getitem__),
)


def in_words(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each parameter as words and value; one without words of its own under its key. Lists are left to the file."""
    known = [
        (phrase.words, phrase.value(*(parameters[key] for key in phrase.keys)))
        for phrase in PHRASES
        if all(parameters.get(key) is not None for key in phrase.keys)
    ]
    named = {key for phrase in PHRASES for key in phrase.keys}
    return known + [
        (key, f"{value:.4g}" if isinstance(value, float) else str(value))
        for key, value in parameters.items()
        if key not in named and isinstance(value, int | float | str)
    ]
