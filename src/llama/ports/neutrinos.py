"""Who can say which neutrinos there were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from llama.ports.covered import SeasonStretch
from llama.ports.service import Service


@dataclass(frozen=True, slots=True)
class Neutrino:
    """One track-like event as its source gives it (ICRS degrees, GeV, UTC Modified Julian Date)."""

    mjd: float
    ra_deg: float
    dec_deg: float
    zenith_deg: float
    azimuth_deg: float
    sigma_deg: float
    energy_gev: float
    run: int
    event: int
    type: str
    season: str

    @property
    def i3event(self) -> str:
        """Unique name: RUN_EVENT, or SEASON_ROW for archives, which carry no run (run 0, event = row).

        One that never happened says so, since SEASON_ROW would name an event that did.
        """
        if self.run:
            return f"{self.run}_{self.event}"
        invented = "simulated-" if self.type == "simulated" else ""
        return f"{invented}{self.season}_{self.event}"


@dataclass(frozen=True, slots=True)
class NeutrinoWindow:
    """What a source knows about one stretch of time.

    Attributes:
        neutrinos: in order of time.
        season: the sample they come from, which decides rate, densities and effective area; None when none covers it.
        covered_s: seconds of good detector livetime inside the window.
        complete: whether all of the window is good livetime, and all its neutrinos are here.
        why: when not complete, the reason in words.
        again_gps: when the source will know more about this window; None when it never will (an archive's answer
            is final, whether complete or not).
        covered: when that good livetime is, each piece of one season, in order, without overlap, inside the window;
            together they are `covered_s`. None when the source does not know it. Empty is no livetime: then nothing
            is known of neutrinos, which is not that there were none.
    """

    start_gps: float
    stop_gps: float
    neutrinos: tuple[Neutrino, ...]
    season: str | None
    covered_s: float
    complete: bool
    why: str = ""
    again_gps: float | None = None
    covered: tuple[SeasonStretch, ...] | None = None


SIMULATED_SOURCE = "simulated"
"""How the name of a source begins whose neutrinos never happened: it tells so also where blinding took their type."""


class NotNow(Exception):
    """A source that has no answer for now, though nothing is wrong with the question: it is to be asked later.

    The message says why; `wait_s` for how long it wants to be left alone, 0 when it does not say.
    """

    wait_s: float = 0.0


class NeutrinoSource(Protocol):
    """Where neutrinos come from."""

    @property
    def name(self) -> str:
        """How results name this source."""
        ...

    def window(self, start_gps: float, stop_gps: float, *, seed: str) -> NeutrinoWindow:
        """All neutrinos with start <= time < stop; `seed` decides whatever is random about the answer.

        Raises NotNow when there is no answer for now.
        """
        ...

    def close(self) -> None:
        """Let go of whatever it holds; it is not asked again."""


NEUTRINO_SOURCE: Service[NeutrinoSource] = Service("neutrino_source")
