"""The report of the checks: what they draw from, and the page that grows with each that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import llama
from llama.formats.errors import FormatError
from llama.formats.records import to_json
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.significance import Searches
from llama.studies.blocks import Blocks, code_digest
from llama.studies.clusters import Start
from llama.studies.pool import Pool
from llama.studies.validation.campaign import NAMES, SIZES, run
from llama.studies.validation.check import Check
from llama.studies.validation.inputs import CheckInputs, populations_in, synthetic_pool, synthetic_populations
from llama.studies.validation.observed import ObservedSeason
from llama.studies.validation.page import Header, as_html, as_json


def inputs_at_hand(
    maps: Path | None,
    packaged_with: Path,
    searches: Searches,
    season: SeasonTable,
    pool: Pool | None,
    events: SeasonEvents | None = None,
    observed: ObservedSeason | None = None,
) -> CheckInputs:
    """What checks draw from: maps of the folder asked for, else of the data folder, else synthetic stand-ins."""
    found = populations_in(maps or packaged_with, searches)
    if maps and not found:
        raise FormatError(f"{maps} holds no sky maps (*.fits, *.fits.gz), nor do the folders in it")
    return CheckInputs(
        found or synthetic_populations(searches), pool or synthetic_pool(season), season, events, observed
    )


def validate(
    out: Path,
    gather: Callable[[], CheckInputs],
    *,
    size: str,
    only: Sequence[str],
    seed: int,
    start: Start,
    command: str,
    keep: Path | None = None,
) -> Iterator[Check]:
    """Checks of the statistic as they are done; after each the report at `out` and its twin hold those there are.

    `gather` gives what they draw from; `command` is what was typed, for the report.
    """
    if unknown := [name for name in only if name not in NAMES]:
        raise FormatError(f"no check {unknown[0]!r}; there are {', '.join(NAMES)}")
    if not out.parent.is_dir():
        raise FormatError(f"there is no folder {out.parent}")
    inputs = gather()
    drawn = ("size and seed", f"{size}, {seed}; block k draws from SeedSequence(seed, study, spawn_key=(k,))")
    asked = ("checks asked for", ", ".join(only or NAMES))
    header = Header(llama.__version__, command, (*_facts(inputs), drawn, asked))
    digest = f"{seed} {inputs.digest()} {code_digest()}" if keep else ""
    done: list[Check] = []
    with start() as executor:
        for check in run(inputs, SIZES[size], seed, Blocks(executor, keep, digest), only):
            done.append(check)
            out.write_text(as_html(header, done), encoding="utf-8")
            out.with_suffix(".json").write_bytes(to_json(as_json(header, done)))
            yield check


def _facts(inputs: CheckInputs) -> tuple[tuple[str, str], ...]:
    """What checks draw from, for people."""
    return (
        ("sky maps", "; ".join(f"{p.name}: {p.source}" for p in inputs.populations)),
        ("neutrinos", f"{len(inputs.pool)} {inputs.pool.source}"),
        ("events beside own maps", f"{inputs.season_events.dec_rad.size} {inputs.season_events.source}"),
        ("windows as they were", inputs.observed.source if inputs.observed else "none: no archive is installed"),
        ("searches", ", ".join(f"{p.search.name} for {p.name}" for p in inputs.populations)),
        ("season", f"{inputs.season.name}, {1e3 * inputs.season.rate_hz:.2f} mHz"),
    )
