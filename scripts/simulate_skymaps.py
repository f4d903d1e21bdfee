#!/usr/bin/env python
"""Make a set of BAYESTAR sky maps of simulated mergers, for background and signal tables.

    python scripts/simulate_skymaps.py --data ../shared/data --population bns-o4 --out simulated --count 60

Sources: rows of the injection list drawn without repetition. Noise: O4 design curves, Gaussian. Each detector is on
with probability `--duty-cycle`, so that every pair and the triple occur. A source is found with a single-detector SNR
of at least 4 in two detectors or more and a network SNR of at least `--min-snr`. The waveform ends at `--f-high`: at
1024 Hz a map took 19 s where the whole band took 31 s (H1L1V1, one core).

`OUT/POPULATION/` then holds one multi-order map per source found, `coincs.dat` (one row per map: what was injected
and what was found), and per detector combination a list of absolute paths (`H1L1.csv`, `H1L1V1.csv`, …). The lists
and `coincs.dat` are complete after every map; a run that was stopped goes on where it ended, with the same options.
The same injection list, versions and options give the same maps, whatever `--count` and `--minutes`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before BAYESTAR is loaded: one core, and the same sums every time

import numpy as np

from bayestar_sim import Conditions, Injection, Simulation, Trigger, credible_area_deg2, read_injections, write_map

POPULATIONS = {
    "bns-o4": "bns_O4_injections.dat",
    "nsbh-o4": "nsbh_O4_injections.dat",
    "bbh-o4": "bbh_O4_injections.dat",
}
DETECTORS, SINGLE_SNR = ("H1", "L1", "V1"), 4.0
SAME_EVERY_TIME = ("seed", "draw", "duty_cycle", "min_snr", "f_high")
HEADER = (
    "coinc_id simulation_id gps detectors network_snr single_snr injected_distance_mpc mass1_msun mass2_msun "
    "ra_deg dec_deg area90_deg2 map_distance_mpc map_distance_std_mpc file"
)


def main() -> None:
    options = _parser().parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    out: Path = options.out / options.population
    simulation = Simulation(out / "work")
    simulation.folder.mkdir(parents=True, exist_ok=True)
    chosen = _choose(options.data, options.population, options.seed, options.draw)
    _search(options, chosen, simulation)
    found = simulation.found()
    deadline = time.monotonic() + 60 * options.minutes
    rows: list[tuple[str, str]] = []
    for index, trigger in found[: options.count]:
        if time.monotonic() > deadline:
            print(f"stopped after {options.minutes} minutes", file=sys.stderr)
            break
        rows.append(_one(out, simulation, chosen[index], trigger))
        _write_tables(out, rows)
    print(f"{out}: {len(rows)} maps of {len(found)} sources found among {len(chosen)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with scenarios/kiendrebeogo2023 and ASD")
    parser.add_argument("--population", choices=sorted(POPULATIONS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60, help="maps to make (60)")
    parser.add_argument("--draw", type=int, default=300, help="sources to try (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--duty-cycle", type=float, default=0.75, help="of each detector (0.75)")
    parser.add_argument("--min-snr", type=float, default=8.0, help="network threshold (8)")
    parser.add_argument("--f-high", type=float, default=1024.0, help="in Hz (1024)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no map after this time")
    return parser


def _choose(data: Path, population: str, seed: int, draw: int) -> list[Injection]:
    injections = read_injections(data / "scenarios" / "kiendrebeogo2023" / POPULATIONS[population])
    rows = np.random.default_rng(seed).permutation(len(injections))[:draw]
    return [injections[row] for row in rows]


def _search(options: argparse.Namespace, chosen: list[Injection], simulation: Simulation) -> None:
    """Run the simulated search once; its file is kept, beside a note of how it was made."""
    how = "".join(f"{key} = {getattr(options, key)}\n" for key in SAME_EVERY_TIME)
    note = simulation.folder / "options.txt"
    if not simulation.coincs.exists():
        note.write_text(how)
        conditions = Conditions(
            DETECTORS, options.seed, SINGLE_SNR, options.min_snr, options.duty_cycle, options.f_high
        )
        simulation.search(chosen, options.data / "scenarios" / "ASD", conditions)
    elif note.read_text() != how:
        before = ", ".join(note.read_text().splitlines())
        raise SystemExit(f"{simulation.folder.parent} was made with {before}; choose another --out")


def _one(out: Path, simulation: Simulation, source: Injection, trigger: Trigger) -> tuple[str, str]:
    """Make one map unless it is there; (detector combination, its row of `coincs.dat`)."""
    path = out / f"{trigger.coinc_id}.multiorder.fits"
    if not path.exists():
        table = simulation.localize(source, trigger)
        unfinished = path.with_name(f".{path.name}")
        write_map(table, unfinished, str(trigger.coinc_id), trigger.gps)
        unfinished.rename(path)
    return "".join(trigger.detectors), _row(path, source, trigger)


def _row(path: Path, source: Injection, trigger: Trigger) -> str:
    from ligo.skymap.io import fits

    table = fits.read_sky_map(str(path), moc=True)
    fields = (
        f"{trigger.coinc_id} {source.simulation_id} {trigger.gps:.6f} {''.join(trigger.detectors)} {trigger.snr:.4f}",
        ",".join(f"{snr:.4f}" for snr in trigger.single_snr),
        f"{source.distance_mpc:.4f} {source.mass1_msun:.5f} {source.mass2_msun:.5f}",
        f"{np.degrees(source.ra_rad):.5f} {np.degrees(source.dec_rad):.5f} {credible_area_deg2(table, 0.9):.4f}",
        f"{table.meta['distmean']:.3f} {table.meta['diststd']:.3f} {path.name}",
    )
    return " ".join(fields).replace(" ", "\t")


def _write_tables(out: Path, rows: list[tuple[str, str]]) -> None:
    _replace(out / "coincs.dat", [HEADER.replace(" ", "\t"), *(row for _, row in rows)])
    for combination in sorted({name for name, _ in rows}):
        files = [str((out / row.rsplit("\t", 1)[1]).resolve()) for name, row in rows if name == combination]
        _replace(out / f"{combination}.csv", files)


def _replace(path: Path, lines: list[str]) -> None:
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.rename(path)


if __name__ == "__main__":
    main()
