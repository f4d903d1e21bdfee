"""The sky map of the demo alert: an injection in, a BAYESTAR map out. Whole sets are made by `llama dev simulate`.

Simulated sources come from the injection lists of Kiendrebeogo et al. (2023, ApJ 958, 158, arXiv:2306.09234),
noise curves from the text files beside them. `ligo.skymap` and `lalsuite` are development dependencies; nothing in
`src/` needs them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

F_LOW_HZ = 30.0
F_MAX_HZ = 2048.0
NOISE_CURVES = {"H1": "aligo_O4high.txt", "L1": "aligo_O4high.txt", "V1": "avirgo_O4high_NEW.txt"}
# O2's own choice, except that its model for heavy systems needs data files lalsuite does not bring
LIGHT_WAVEFORM = "TaylorF2threePointFivePN"
HEAVY_WAVEFORM = "IMRPhenomD"
HEAVY_TOTAL_MASS_MSUN = 4.0


@dataclass(frozen=True)
class Injection:
    """One simulated source: angles in radians, masses as redshifted (detector frame) solar masses."""

    row: int
    simulation_id: int
    ra_rad: float
    dec_rad: float
    inclination_rad: float
    distance_mpc: float
    mass1_msun: float
    mass2_msun: float
    spin1z: float
    spin2z: float
    polarization_rad: float
    coa_phase_rad: float
    gps_s: int
    gps_ns: int

    @property
    def gps(self) -> float:
        return self.gps_s + 1e-9 * self.gps_ns

    @property
    def waveform(self) -> str:
        light = self.mass1_msun + self.mass2_msun < HEAVY_TOTAL_MASS_MSUN
        return LIGHT_WAVEFORM if light else HEAVY_WAVEFORM


@dataclass(frozen=True)
class Trigger:
    """What a search would have reported: combined and single-detector SNR, and the time of the coincidence."""

    coinc_id: int
    gps: float
    snr: float
    detectors: tuple[str, ...]
    single_snr: tuple[float, ...]


@dataclass(frozen=True)
class Conditions:
    """Which detectors search, and what they find; SNR thresholds of one detector (two must pass) and of the network.

    `duty_cycle` is the chance of each detector to be on. `f_high_hz` cuts waveform and SNR time series, for the
    search and for the maps made from it later.
    """

    detectors: tuple[str, ...]
    seed: int
    single_snr: float
    network_snr: float
    duty_cycle: float = 1.0
    f_high_hz: float | None = None


@dataclass(frozen=True)
class Simulation:
    """A simulated search, whose files are in a folder of its own."""

    folder: Path

    @property
    def psd(self) -> Path:
        return self.folder / "psd.xml.gz"

    @property
    def coincs(self) -> Path:
        """The coincidences found; there when the search is over."""
        return self.folder / "coinc.xml.gz"

    def search(self, sources: list[Injection], noise_curves: Path, conditions: Conditions) -> None:
        """Look for the sources in noise of these curves."""
        injections, unfinished = self.folder / "injections.xml.gz", self.folder / "unfinished.xml.gz"
        write_psd(noise_curves, self.psd)
        write_injections(sources, injections)
        realize(injections, self.psd, unfinished, conditions)
        unfinished.rename(self.coincs)

    def found(self) -> list[tuple[int, Trigger]]:
        """(position among the sources, what was found), in the order of the sources."""
        return read_triggers(self.coincs)

    def localize(self, source: Injection, trigger: Trigger) -> Any:
        """The BAYESTAR sky map of a source that was found (astropy Table, multi-order, with distance)."""
        return localize(self.coincs, self.psd, trigger.coinc_id, source.waveform)


def read_injections(path: Path) -> list[Injection]:
    """The rows of an injection list, in file order (row 0 is the first below the header)."""
    wanted = (
        *("simulation_id", "longitude", "latitude", "inclination", "distance", "mass1", "mass2", "spin1z", "spin2z"),
        *("polarization", "coa_phase", "geocent_end_time", "geocent_end_time_ns"),
    )
    names = path.read_text().split("\n", 1)[0].split("\t")
    columns = [names.index(name) for name in wanted]
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return [
        Injection(
            index,
            int(fields[columns[0]]),
            *(float(fields[column]) for column in columns[1:11]),
            gps_s=int(fields[columns[11]]),
            gps_ns=int(fields[columns[12]]),
        )
        for index, fields in enumerate(rows)
    ]


def write_psd(folder: Path, path: Path, df_hz: float = 1.0) -> None:
    """Power spectral densities of the three detectors, interpolated in log-log from the amplitude curves."""
    import lal
    import lal.series
    from igwn_ligolw import utils as ligolw_utils

    frequencies = np.arange(0.0, F_MAX_HZ + df_hz, df_hz)
    series = {}
    for detector, name in NOISE_CURVES.items():
        f, asd = np.loadtxt(folder / name, unpack=True)
        psd = np.full(frequencies.size, np.inf)
        inside = (frequencies >= f[0]) & (frequencies <= f[-1])
        psd[inside] = np.exp(2 * np.interp(np.log(frequencies[inside]), np.log(f), np.log(asd)))
        one = lal.CreateREAL8FrequencySeries(detector, 0, 0.0, df_hz, lal.SecondUnit, frequencies.size)
        one.data.data = psd
        series[detector] = one
    ligolw_utils.write_filename(lal.series.make_psd_xmldoc(series), str(path))


def write_injections(injections: list[Injection], path: Path) -> None:
    """The `sim_inspiral` table `bayestar-realize-coincs` reads; simulation_id is the row in the list given here."""
    from igwn_ligolw import ligolw, lsctables
    from igwn_ligolw import utils as ligolw_utils

    document = ligolw.Document()
    root = document.appendChild(ligolw.LIGO_LW())
    root.appendChild(lsctables.ProcessTable.new())
    root.appendChild(lsctables.ProcessParamsTable.new())
    table = root.appendChild(lsctables.SimInspiralTable.new())
    blank = dict.fromkeys(table.validcolumns, 0)
    for index, one in enumerate(injections):
        table.appendRow(**{**blank, **_sim_inspiral(one), "simulation_id": index, "process_id": 0})
    ligolw_utils.write_filename(document, str(path))


def _sim_inspiral(one: Injection) -> dict[str, Any]:
    total = one.mass1_msun + one.mass2_msun
    eta = one.mass1_msun * one.mass2_msun / total**2
    return {
        "waveform": one.waveform,
        "source": "",
        "taper": "TAPER_NONE",
        "numrel_data": "",
        "geocent_end_time": one.gps_s,
        "geocent_end_time_ns": one.gps_ns,
        "longitude": one.ra_rad,
        "latitude": one.dec_rad,
        "inclination": one.inclination_rad,
        "distance": one.distance_mpc,
        "mass1": one.mass1_msun,
        "mass2": one.mass2_msun,
        "mchirp": total * eta**0.6,
        "eta": eta,
        "spin1z": one.spin1z,
        "spin2z": one.spin2z,
        "polarization": one.polarization_rad,
        "coa_phase": one.coa_phase_rad,
        "f_lower": F_LOW_HZ,
    }


def realize(injections: Path, psd: Path, out: Path, conditions: Conditions) -> None:
    """Triggers with Gaussian measurement noise, by `bayestar-realize-coincs`."""
    from ligo.skymap.tool import bayestar_realize_coincs

    options: dict[str, object] = {
        "--seed": conditions.seed,
        "--output": out,
        "--reference-psd": psd,
        "--measurement-error": "gaussian-noise",
        "--f-low": F_LOW_HZ,
        "--snr-threshold": conditions.single_snr,
        "--net-snr-threshold": conditions.network_snr,
        "--min-triggers": 2,
        "--duty-cycle": conditions.duty_cycle,
        "--loglevel": "ERROR",
    }
    if conditions.f_high_hz is not None:
        options["--f-high"] = conditions.f_high_hz
    words = [str(word) for pair in options.items() for word in pair]
    detectors = ("--detector", *conditions.detectors)
    bayestar_realize_coincs.main([*words, "--preserve-ids", *detectors, "--", str(injections)])


def read_triggers(path: Path) -> list[tuple[int, Trigger]]:
    """(row in the injection table, what was found) of every coincidence in a file of `realize`, in its order."""
    from igwn_ligolw import lsctables
    from igwn_ligolw import utils as ligolw_utils
    from ligo.skymap.io.events.ligolw import ContentHandler

    document = ligolw_utils.load_filename(str(path), contenthandler=ContentHandler)
    singles = {one.event_id: one for one in lsctables.SnglInspiralTable.get_table(document)}
    members: dict[int, list[Any]] = {}
    for entry in lsctables.CoincMapTable.get_table(document):
        if entry.table_name == "sngl_inspiral":
            members.setdefault(entry.coinc_event_id, []).append(singles[entry.event_id])
    sims = lsctables.SimInspiralTable.get_table(document)
    found = []
    for sim, coinc in zip(sims, lsctables.CoincInspiralTable.get_table(document), strict=True):
        own = sorted(members[coinc.coinc_event_id], key=lambda one: one.ifo)
        trigger = Trigger(
            int(coinc.coinc_event_id),
            float(coinc.end),
            float(coinc.snr),
            tuple(one.ifo for one in own),
            tuple(float(one.snr) for one in own),
        )
        if not math.isclose(trigger.snr, math.hypot(*trigger.single_snr), rel_tol=1e-6):
            raise ValueError(f"{path}: coincidence {trigger.coinc_id} does not match its triggers")
        found.append((int(sim.simulation_id), trigger))
    return found


def localize(coincs: Path, psd: Path, coinc_id: int, waveform: str) -> Any:
    """The BAYESTAR sky map (astropy Table, multi-order, with distance) of one coincidence."""
    from ligo.skymap import bayestar
    from ligo.skymap.io import events

    with open(coincs, "rb") as coincs_file, open(psd, "rb") as psd_file:
        event = events.open(coincs_file, psd_file)[coinc_id]
        return bayestar.localize(event, waveform=waveform, f_low=F_LOW_HZ)


def write_map(table: Any, path: Path, name: str, created_gps: float) -> None:
    """Write a sky map so that the same map is the same bytes.

    BAYESTAR's header also records the clock, the run time and the command line: the creation time becomes
    `created_gps`, the other two go.
    """
    import lal
    from ligo.skymap.io import fits

    table.meta.pop("runtime", None)
    table.meta["gps_creation_time"] = lal.LIGOTimeGPS(created_gps)
    table.meta["objid"] = name
    table.meta["origin"] = "simulation"
    table.meta["history"] = [line for line in table.meta["history"] if line][:-2]
    fits.write_sky_map(str(path), table)


def credible_area_deg2(table: Any, level: float) -> float:
    """Area of the smallest region that holds `level` of the probability (pixels taken whole)."""
    from ligo.skymap import moc

    density = np.asarray(table["PROBDENSITY"])
    area_sr = moc.uniq2pixarea(np.asarray(table["UNIQ"]))
    order = np.argsort(-density, kind="stable")
    cumulative = np.cumsum((density * area_sr)[order])
    inside = np.searchsorted(cumulative, level * cumulative[-1]) + 1
    return float(np.sum(area_sr[order][:inside])) * math.degrees(1.0) ** 2
