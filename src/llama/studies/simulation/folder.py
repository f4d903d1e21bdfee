"""The folder of a simulation: its options, its tables, its lists of sky maps; each file whole at every moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from llama.formats.errors import FormatError
from llama.formats.records import Record, to_json
from llama.formats.whole import put_whole
from llama.studies.simulation.campaign import Searched
from llama.studies.simulation.sources import INJECTION_HEADER, injection_lines
from llama.studies.skymap_lists import split

OPTIONS = "simulation.json"
ENDING = ".multiorder.fits"
_HEADER = (
    "ifos coinc_event_id simulation_id snr single_snr area50_deg2 area90_deg2 distmean_mpc diststd_mpc "
    "true_distance_mpc credible_level localiser"
)


@dataclass(frozen=True)
class Provenance:
    """How the maps of a folder were made: whatever changes one changes the maps.

    Attributes:
        population: bns, nsbh, bbh, or the name of an injection table. injections: its digest, or empty.
        curves: by detector, source and digest of its noise.
        tries: sources in a block. software: version, and digest of the code that makes maps.
    """

    population: str
    run: str
    injections: str
    detectors: tuple[str, ...]
    curves: Mapping[str, str]
    duty_cycle: float
    min_snr: float
    min_single_snr: float
    keep_subthreshold: bool
    f_low_hz: float
    f_high_hz: float
    seed: int
    tries: int
    localiser: str
    software: str

    @property
    def label(self) -> str:
        """As lists of sky maps are named: bns-o4."""
        return f"{self.population}-{self.run.lower()}"


def settle(folder: Path, wanted: Provenance) -> None:
    """Make the folder, or see that it holds a simulation with the same options; FormatError names the difference."""
    path = folder / OPTIONS
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        there = Record(Provenance).read(path)
        different = [
            f"{one.name} {_shown(getattr(there, one.name))}, not {_shown(getattr(wanted, one.name))}"
            for one in fields(Provenance)
            if getattr(there, one.name) != getattr(wanted, one.name)
        ]
        if different:
            raise FormatError(f"{folder} was made with {'; '.join(different)}. Choose another folder with -o")
    elif any((folder / name).exists() for name in ("coincs.dat", "injections.dat")):
        raise FormatError(
            f"{folder} holds tables of something else, without {OPTIONS}; choose another folder with -o"
        )
    else:
        put_whole(path, to_json(asdict(wanted)))
    (folder / "allsky").mkdir(exist_ok=True)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def write_tables(folder: Path, label: str, localiser: str, found: Sequence[Searched]) -> Mapping[Path, int]:
    """`injections.dat`, `coincs.dat` and the lists of what was found so far; how many maps each list has."""
    blocks = [one for one in found if len(one.maps)]
    if not blocks:
        return {}
    injections = [line for one in blocks for line in injection_lines(one.sources)]
    coincs = [line for one in blocks for line in _coinc_lines(one, localiser)]
    put_whole(folder / "injections.dat", _text([INJECTION_HEADER, *injections]))
    put_whole(folder / "coincs.dat", _text(["\t".join(_HEADER.split()), *coincs]))
    maps = str((folder / "allsky").absolute())
    lists = folder / "skymap-lists" / label
    made = split(folder / "coincs.dat", lists, prefix=maps, maps=None, ending=ENDING, overwrite=True).lists
    for stale in set(lists.glob("*.csv")) - made.keys():  # of a longer run that was stopped
        stale.unlink()
    return made


def _coinc_lines(one: Searched, localiser: str) -> list[str]:
    lines = []
    for source, found in zip(one.sources, one.maps, strict=True):
        name, distance = source["simulation_id"], source["distance"]
        numbers = (found["area50"], found["area90"], found["distmean"], found["diststd"], distance)
        words = [found["ifos"], name, name, f"{found['snr']:.4f}", found["single_snr"]]
        words += [f"{number:.6g}" for number in numbers]
        lines.append("\t".join(map(str, [*words, f"{found['level']:.5f}", localiser])))
    return lines


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
