"""Sky maps of simulated mergers, for background and signal studies.

POPULATION is bns, nsbh or bbh: uniform in comoving volume, masses and spins as observing scenarios have them (neutron
stars of 1.33 ± 0.09 solar masses, black holes of 5 to 50 by a power law of -2.3). With --injections the rows of a
table are taken instead, and POPULATION is only a name for the lists. Those whose SNR passes the thresholds get a sky
map in OUT/allsky; OUT/coincs.dat and OUT/injections.dat list them, OUT/skymap-lists/POPULATION-RUN has one list per
detector combination.

--localiser fast is an approximation of BAYESTAR, named as such in what it writes; bayestar is ligo.skymap's own
(`pip install 'llama-astro[studies]'`, half a minute per map). Noise curves are files of LIGO-T2000012 in the --curves
folder, given ones (--asd), or those of LALSimulation.

Safe to interrupt: typed again it goes on, and neither that nor -j changes a map. More maps of the same: a larger -n.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import count, named_place, place, seed
from llama.cli.cluster_words import add_workforce_arguments, workforce_of
from llama.cli.stopping import goes_on, some

if TYPE_CHECKING:
    from llama.app import App

_DETECTORS = "H1,L1,V1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("population", nargs="?", metavar="POPULATION", help="bns, nsbh or bbh")
    add("-o", "--out", type=Path, metavar="OUT", help="the folder (default POPULATION-RUN, as bns-o4)")
    add("-r", "--run", default="O4", type=str.upper, metavar="RUN", help="O3, O4 or O5 (default %(default)s)")
    add("-n", "--maps", type=count, metavar="N", help="at least so many maps; whole blocks of sources are made")
    add("--each", type=count, metavar="N", help="at least so many of each detector combination")
    add("--injections", type=place, metavar="FILE", help="take sources from this table, each once")
    add("--localiser", choices=("fast", "bayestar"), default="fast", help="(default %(default)s)")
    add("--detectors", default=_DETECTORS, metavar="LIST", help="(default %(default)s)")
    add("--curves", type=place, metavar="FOLDER", help="noise curves by their usual file names")
    add(
        "--asd",
        action="append",
        type=named_place,
        default=[],
        metavar="H1=FILE",
        help="a detector's curve: a file, or LALSimulation's",
    )
    add("--duty-cycle", type=_share, default=0.75, metavar="P", help="of each detector (default %(default)s)")
    add("--min-snr", type=_positive, default=8.0, metavar="SNR", help="of the network (default %(default)s)")
    add("--min-single-snr", type=_positive, default=4.0, metavar="SNR", help="in two detectors (default %(default)s)")
    add("--keep-subthreshold", action="store_true", help="detectors that are on take part, however quiet")
    add("--f-low", type=_positive, default=30.0, metavar="HZ", help="(default %(default)s)")
    add("--f-high", type=_positive, default=1024.0, metavar="HZ", help="(default %(default)s)")
    add("--seed", type=seed, default=1, help="of all random numbers (default %(default)s)")
    add_workforce_arguments(parser)


def main(args: argparse.Namespace, app: App) -> int:
    """Simulate with a progress bar, alone in the folder, and count what is there."""
    from llama.advice import SIMULATE
    from llama.engine.running import utc_now
    from llama.operate.sole import Sole, myself
    from llama.studies.simulation import Request, SearchConditions, maps_in, simulate

    detectors, asd = _detectors(args.detectors), _curves(args.asd)
    _check(args, detectors, asd)
    name = args.population or (args.injections.stem if args.injections else "simulation")
    out = args.out or Path(f"{name}-{args.run}".lower())
    conditions = SearchConditions(
        (args.f_low, args.f_high), args.duty_cycle, args.min_single_snr, args.min_snr, args.keep_subthreshold
    )
    request = Request(
        out, args.population, args.injections, args.run, detectors, args.curves, asd, conditions,
        args.seed, args.localiser, args.maps, args.each, workforce_of(args, app),
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    place = Sole(out, "simulate", myself(SIMULATE.typed, utc_now()))
    try:
        with goes_on(lambda: some(str(out / "allsky"), maps_in(out / "allsky"), "maps")):
            made = simulate(request)
    finally:
        place.release()
    for path, number in made.lists.items():
        print(f"{number:>7} {path}")
    print(f"{made.total:>7} total, of {made.tried} sources, by the {args.localiser} localiser; {out / 'coincs.dat'}")
    return 0


def _check(args: argparse.Namespace, detectors: tuple[str, ...], asd: dict[str, str]) -> None:
    from llama.formats.errors import FormatError
    from llama.studies.simulation import RUNS

    if args.run not in RUNS:
        raise FormatError(f"there are no noise curves for {args.run}; there are {', '.join(RUNS)}")
    if args.f_high <= args.f_low or args.f_high > 4096:
        raise FormatError(
            f"a band goes from --f-low up to --f-high, at most 4096 Hz, not {args.f_low} to {args.f_high}"
        )
    if unused := sorted(set(asd) - set(detectors)):
        raise FormatError(f"--asd names {', '.join(unused)}, which is not among --detectors {','.join(detectors)}")


def _detectors(text: str) -> tuple[str, ...]:
    from llama.formats.errors import FormatError
    from llama.science.detector import DETECTORS

    names = tuple(sorted(text.split(",")))
    if unknown := [name for name in names if name not in DETECTORS]:
        raise FormatError(f"there is no detector {unknown[0]}; there are {', '.join(sorted(DETECTORS))}")
    if len(names) < 2 or len(set(names)) < len(names):
        raise FormatError(f"--detectors takes two or more, each once, not {text}")
    return names


def _curves(given: list[str]) -> dict[str, str]:
    from llama.formats.errors import FormatError

    pairs = [one.partition("=") for one in given]
    if bad := [one for one, (name, _, value) in zip(given, pairs, strict=True) if not (name and value)]:
        raise FormatError(f"--asd takes DETECTOR=FILE, as H1=aligo_O4high.txt, not {bad[0]}")
    return {name: value for name, _, value in pairs}


def _positive(text: str) -> float:
    return _number(text, float("inf"))


def _share(text: str) -> float:
    return _number(text, 1.0)


def _number(text: str, most: float) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found <= most or found == float("inf"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number above 0" + (f" and up to {most:g}" if most < 2 else "")
        )
    return found
