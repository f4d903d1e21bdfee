"""Rows of a study of trials, from its blocks: of either depth, most use for that without event folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llama.analyses.result import finite_odds, response_digest, search_digest
from llama.formats.background_table import BackgroundRow
from llama.formats.errors import FormatError
from llama.science.detector import SeasonTable
from llama.science.significance import Searches
from llama.studies.tables.parts import BAD_MAP, DAMAGED_BLOCK, TWICE_BLOCK, Gathered, TablePlaces, relative
from llama.studies.trials import BlockResult, TrialStudy, blocks_folder, read_block, read_study, runs_of


@dataclass(frozen=True)
class Today:
    """What a study's digests are compared with to know its run and its rate."""

    searches: Callable[[], Searches]
    season: Callable[[str], SeasonTable]


def block_parts(sources: TablePlaces, found: Gathered, here: Path, depth: str, inputs: Today) -> int:
    """Read all blocks of one depth of the studies at the places, each a study's folder; returns how many there are.

    FormatError for a block that is there twice with other trials: then the studies were not drawn alike.
    """
    many, kept = 0, dict[tuple[str, int, int], tuple[Path, BlockResult]]()
    for place in sources.places:
        study = read_study(place)
        facts, versions = _facts(study, sources.search, inputs), _versions(place, study, sources.kind, depth)
        if len(versions) > 1:
            found.notices.append(f"trials in {relative(place, here)} were drawn by llama {' and '.join(versions)}")
        for path in sorted(blocks_folder(place, sources.kind, depth).glob("*.npz")):
            many += 1
            block = _block(path, study, found, here)
            if block is None:
                continue
            key = (block.study, block.block, block.size)
            if key in kept:
                _refuse_other(kept[key], path, block)
                found.leave_out(TWICE_BLOCK, f"{relative(path, here)}: block {block.block} is there twice")
                continue
            kept[key] = path, block
            _add(found, block, facts | {"distance_mode": block.mode}, study, versions)
    return many


def _versions(place: Path, study: TrialStudy, kind: str, depth: str) -> list[str]:
    """Of the software that drew such trials of a study; that which began it where nothing says so."""
    runs = [str(one.get("version", "")) for one in runs_of(place) if (one["kind"], one["depth"]) == (kind, depth)]
    return sorted({one for one in runs if one} or {study.version})


def _block(path: Path, study: TrialStudy, found: Gathered, here: Path) -> BlockResult | None:
    try:
        block = read_block(path)
    except FormatError as error:
        found.leave_out(DAMAGED_BLOCK, str(error))
        return None
    if block.study != study.digest:
        raise FormatError(f"{path} is of another study than the folder it is in; move it away")
    if block.why:
        found.leave_out(BAD_MAP, f"{relative(path, here)}: {block.why}")
        return None
    return block


def _refuse_other(before: tuple[Path, BlockResult], path: Path, block: BlockResult) -> None:
    there, one = before
    if one.opa.tobytes() != block.opa.tobytes() or one.subthreshold.tobytes() != block.subthreshold.tobytes():
        raise FormatError(
            f"block {block.block} is there twice, in {there} and in {path}, with other trials; keep one"
        )


def _add(found: Gathered, block: BlockResult, facts: dict[str, str], study: TrialStudy, versions: list[str]) -> None:
    where = f"{study.digest[:12]}-{block.size}/injection-"  # wherever it lies, so that none counts twice
    told = (
        f"{block.depth} depth of study {study.digest[:12]}, seed {study.seed}, odds at p_astro 1, "
        f"llama {' and '.join(versions)}"
    )
    part = found.of(facts, told, f"{where}{block.numbers[0]}")
    odds = (block.opa if facts["search"] == "opa" else block.subthreshold).tolist()
    part.rows.extend(
        BackgroundRow(finite_odds(one), n, f"{where}{number}", block.skymap)
        for one, n, number in zip(odds, block.n.tolist(), block.numbers.tolist(), strict=True)
    )
    part.maps[block.skymap] = block.area_deg2, block.map_distance_mpc


def _facts(study: TrialStudy, search_type: str, inputs: Today) -> dict[str, str]:
    """Of a study; its rate is known only where the season of today is the one it used, and so is the run of one that
    was begun before studies said theirs."""
    facts = {
        "search": search_type,
        "population": study.population,
        "detectors": study.detectors or "unknown",
        "run": study.run,
        "season": study.season,
        "search_digest": study.search_digest,
        "response_digest": study.response_digest,
    }
    search = inputs.searches().choose(study.population).search
    if not study.run and search_digest(search) == study.search_digest:
        facts["run"] = search.run
    season = inputs.season(study.season)
    if response_digest(season) == study.response_digest:
        facts["rate_hz"] = repr(season.rate_hz)
    return facts
