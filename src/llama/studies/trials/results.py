"""What became of trials, block by block, and as one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.whole import put_whole
from llama.science.arrays import Float, Index
from llama.studies.blocks import Arrays, Form, read_kept
from llama.studies.trials.study import STUDY_FILE, TrialStudy, read_study

SEARCH_TYPES = ("opa", "subthreshold")
_COLUMNS = (*SEARCH_TYPES, "n", "ra_rad", "dec_rad", "distance_mpc", "energy_gev", "true_energy_gev", "weight")


@dataclass(frozen=True, eq=False)
class BlockResult:
    """Trials of one block, which is one sky map.

    Attributes:
        study: digest of the study. kind, depth, block, size: which trials they are.
        skymap: the map's path in its list. area_deg2, map_distance_mpc: of its 90 % region, and its mean distance.
        why: what is wrong with the map, when there are no trials. mode: how the odds use its distance.
        opa, subthreshold: (trials,) ln of the odds of each search at p_astro 1, −inf for 0.
        n: (trials,) neutrinos of each list.
        ra_rad, dec_rad, distance_mpc, energy_gev, true_energy_gev, weight: of sources, see `TrueSources`; empty for
            background.
    """

    study: str
    kind: str
    depth: str
    block: int
    size: int
    skymap: str
    why: str
    mode: str
    area_deg2: float
    map_distance_mpc: float
    opa: Float
    subthreshold: Float
    n: Index
    ra_rad: Float
    dec_rad: Float
    distance_mpc: Float
    energy_gev: Float
    true_energy_gev: Float
    weight: Float

    def __len__(self) -> int:
        return int(self.opa.size)

    @property
    def numbers(self) -> Index:
        """(trials,) of each trial in the study: N of `injection-N`."""
        return self.block * self.size + np.arange(len(self))


_TEXT, _WHOLE = ("study", "kind", "depth", "skymap", "why", "mode"), ("block", "size")


def _arrays(result: BlockResult) -> Arrays:
    return {one.name: np.asarray(getattr(result, one.name)) for one in fields(BlockResult)}


def _result(arrays: Arrays) -> BlockResult:
    values = {one.name: arrays[one.name] for one in fields(BlockResult)}
    texts = {name: str(values[name]) for name in _TEXT}
    whole = {name: int(values[name]) for name in _WHOLE}
    numbers = {name: float(values[name]) for name in ("area_deg2", "map_distance_mpc")}
    every: dict[str, Any] = {**values, **texts, **whole, **numbers}
    return BlockResult(**every)


AS_ARRAYS: Form[BlockResult] = Form(_arrays, _result, lambda block: not block.why)


def left_out(study: str, kind: str, depth: str, block: int, size: int, skymap: str, why: str) -> BlockResult:
    """A block whose map cannot be used."""
    none = np.empty(0)
    wide = np.empty((0, 0))
    return BlockResult(
        study, kind, depth, block, size, skymap, why, "", np.nan, np.nan,
        none, none, np.empty(0, np.int64), none, none, none, wide, wide, none,
    )  # fmt: skip


def blocks_folder(study: Path, kind: str, depth: str) -> Path:
    """Where the blocks of one kind and depth are kept."""
    return study / "trials" / f"{kind}-{depth}"


def read_block(path: Path) -> BlockResult:
    """One that was kept; FormatError, which names it, when it is damaged."""
    return read_kept(path, AS_ARRAYS)


@dataclass(frozen=True, eq=False)
class StudyTrials:
    """All trials of one kind and depth, in order of their blocks.

    Attributes:
        blocks: those that have trials. missing: those whose map was left out, and why.
        damaged: files of blocks that were not kept whole.
    """

    study: TrialStudy
    kind: str
    depth: str
    blocks: tuple[BlockResult, ...]
    missing: tuple[BlockResult, ...]
    damaged: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def column(self, name: str) -> Float:
        """(trials,) or (trials, k) of a column of `BlockResult`."""
        parts = [np.asarray(getattr(one, name), dtype=np.float64) for one in self.blocks]
        return np.concatenate(parts) if parts else np.empty(0)

    def of_map(self, name: str) -> Float:
        """(trials,) of what is one number for each map."""
        return np.repeat([float(getattr(one, name)) for one in self.blocks], [len(one) for one in self.blocks])

    @property
    def maps(self) -> int:
        """Different sky maps."""
        return len({one.skymap for one in self.blocks})

    @property
    def map_numbers(self) -> Index:
        """(trials,) number of each one's sky map, from 0 in the order in which maps first come."""
        known: dict[str, int] = {}
        numbers = [known.setdefault(one.skymap, len(known)) for one in self.blocks]
        return np.repeat(np.array(numbers, dtype=np.int64), [len(one) for one in self.blocks])

    @property
    def told(self) -> str:
        """What they are, for people and for provenance."""
        out = Counter(one.skymap for one in self.missing)
        lacking = f"; left out: {len(out)} sky maps that cannot be used ({_some(out)})" if out else ""
        if self.damaged:
            lacking += f"; left out: {len(self.damaged)} damaged blocks ({_some(map(str, self.damaged))})"
        return f"{len(self)} {self.kind} trials of {self.depth} depth on {self.maps} sky maps{lacking}"


def _some(names: Iterable[str]) -> str:
    shown = sorted(Path(name).name for name in names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def collate(folders: Sequence[Path], kind: str, depth: str) -> StudyTrials:
    """The trials of a study from the folders of all machines that took part; damaged blocks are left out.

    FormatError, which names them, for folders of different studies, and for a block that is there twice.
    """
    studies = [read_study(folder) for folder in folders]
    for folder, one in zip(folders, studies, strict=True):
        if one.digest != studies[0].digest:
            raise FormatError(f"{folder} and {folders[0]} are of different studies: see their {STUDY_FILE}")
    found: dict[int, tuple[Path, BlockResult]] = {}
    damaged = []
    for path in (path for folder in folders for path in sorted(blocks_folder(folder, kind, depth).glob("*.npz"))):
        try:
            block = read_block(path)
        except FormatError:
            damaged.append(path)
            continue
        if block.study != studies[0].digest:
            raise FormatError(f"{path} is of another study than {folders[0] / STUDY_FILE}; move it away")
        if block.block in found:
            other = found[block.block][0]
            raise FormatError(
                f"block {block.block} is there twice, in {other} and in {path}: machines that drew the same blocks "
                "add nothing; keep one of them, and give each machine blocks of its own (--blocks)"
            )
        found[block.block] = (path, block)
    every = [block for _, (_, block) in sorted(found.items())]
    if len({one.size for one in every}) > 1:
        sizes = sorted({one.size for one in every})
        raise FormatError(f"blocks of {kind} trials have different sizes, {sizes}; give all machines one --per-map")
    return StudyTrials(
        studies[0],
        kind,
        depth,
        tuple(one for one in every if not one.why),
        tuple(one for one in every if one.why),
        tuple(damaged),
    )


def write_csv(trials: StudyTrials, path: Path) -> None:
    """One line per trial: its number, map, ln of both odds, neutrinos, and what is true of its source."""
    energies = {name: trials.column(name) for name in ("energy_gev", "true_energy_gev")}
    columns: dict[str, Iterable[object]] = {
        "trial": np.concatenate([np.empty(0, np.int64), *(one.numbers for one in trials.blocks)]).tolist(),
        "skymap": [one.skymap for one in trials.blocks for _ in range(len(one))],
        **{f"log_odds_{name}": trials.column(name).tolist() for name in SEARCH_TYPES},
        "n": trials.column("n").astype(int).tolist(),
        "area90_deg2": trials.of_map("area_deg2").tolist(),
        "map_distance_mpc": trials.of_map("map_distance_mpc").tolist(),
    }
    if trials.kind != "background":
        columns |= {name: trials.column(name).tolist() for name in ("ra_rad", "dec_rad", "distance_mpc", "weight")}
        for name, values in energies.items():
            columns |= {f"{name}_{k + 1}": values[:, k].tolist() for k in range(values.shape[-1])}
    lines = [",".join(columns), *(",".join(map(_cell, row)) for row in zip(*columns.values(), strict=True))]
    put_whole(path, "\n".join(lines) + "\n")


def _cell(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
