"""Who announces single neutrinos: IceCube's gold and bronze tracks, as notices tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llama.ports.neutrinos import NeutrinoSource
from llama.ports.service import Service


@dataclass(frozen=True, slots=True)
class NeutrinoAlert:
    """One neutrino as one notice describes it. What the notice does not say is None or empty.

    Attributes:
        run, event: IceCube's own name of it. name: the public one, `IceCube-230416A`.
        revision: 0 for the first notice of it, higher for later ones.
        stream: how sure its selection is that it is astrophysical; empty for a retraction that does not say.
        gps: its time, GPS seconds.
        ra, dec: ICRS degrees.
        sigma: width of the two-dimensional Gaussian of the position's error, deg.
        error_source: the radius that `sigma` was made of, in words.
        energy_gev: most probable energy of the neutrino, not of the muon.
        notice_utc: when it was written.
        taken_back: whether the notice says that it is none.
        role: observation or test; a test never changes an observation.
    """

    run: int
    event: int
    name: str
    revision: int
    stream: Literal["gold", "bronze", ""]
    gps: float
    ra: float | None
    dec: float | None
    sigma: float | None
    error_source: str
    energy_gev: float | None
    notice_utc: str
    taken_back: bool
    role: Literal["observation", "test"]


NEUTRINO_ALERTS: Service[NeutrinoSource] = Service("neutrino_alerts")
"""The notices that were heard as a source of neutrinos."""
