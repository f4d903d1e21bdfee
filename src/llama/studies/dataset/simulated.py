"""Sets of simulated maps: the maps, lists of them per detector combination, and the table they were split from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath

from llama.formats.coincs import Coinc, read_coincs
from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.formats.skymap import read_skymap
from llama.formats.skymap_list import MAP_ENDINGS, MAP_FOLDERS, below_set, lines_of
from llama.science.detector import DETECTORS
from llama.studies.dataset.contents import Finding, SetContents, absent, spread

LISTS = "skymap-lists"
_COMBINATION = re.compile(r"(?:[A-Z][0-9])+")
_COINCS = ("coincs-{}.dat", "participating-detectors-{}.txt")


def check_simulated(found: SetContents, read: int) -> list[Finding]:
    """The maps, then the lists of each population."""
    maps = [name for folder in MAP_FOLDERS for name in found.below(folder) if name.endswith(MAP_ENDINGS)]
    findings = _maps(found, maps, read)
    populations: defaultdict[str, list[str]] = defaultdict(list)
    for name in found.below(LISTS):
        populations[str(PurePosixPath(name).parent)].append(name)
    if not populations:
        findings.append(Finding(f"{LISTS}/", "is missing: a list of maps per detector combination", wrong=True))
    listed: set[str] = set()
    for folder, names in sorted(populations.items()):
        lists = {name: lines for name in names if (lines := _lines(found, name, findings)) is not None}
        listed.update(line for lines in lists.values() for line in lines)
        findings += _population(found, folder, lists, only=len(populations) == 1)
    left = sorted(set(maps) - {inside for line in listed if (inside := _inside(line, found)) is not None})
    if left and populations:
        findings.append(Finding(MAP_FOLDERS[0], f"{len(left)} maps are in no list, as {left[0]}"))
    return findings


def _maps(found: SetContents, maps: list[str], read: int) -> list[Finding]:
    if not maps:
        return [
            Finding(f"{MAP_FOLDERS[0]}/", f"is missing, or has no file that ends with {MAP_ENDINGS[0]}", wrong=True)
        ]
    findings = absent(MAP_FOLDERS[0], "maps are empty files", [name for name in maps if not found.files[name]])
    for name in spread([name for name in maps if found.files[name]], read):
        if isinstance(wrong := found.read(name, read_skymap), Finding):
            findings.append(wrong)
    return findings or [Finding(str(PurePosixPath(maps[0]).parts[0]), f"{len(maps)} maps")]


def _lines(found: SetContents, name: str, findings: list[Finding]) -> list[str] | None:
    """The maps that a list names; what is wrong with it goes to the findings."""
    title = PurePosixPath(name).stem
    detectors = re.findall("[A-Z][0-9]", title)
    if not (
        _COMBINATION.fullmatch(title) and set(detectors) <= set(DETECTORS) and sorted(set(detectors)) == detectors
    ):
        said = "is not named for detectors, as H1L1.csv and H1L1V1.csv are"
        findings.append(Finding(name, said, wrong=True))
        return None
    text = found.read(name, lambda path: read_text(path, MAX_RECORD_BYTES, "a list of sky maps"))
    if isinstance(text, Finding):
        findings.append(text)
        return None
    lines = lines_of(text)
    twice = [line for line, number in Counter(lines).items() if number > 1]
    findings += absent(name, "maps are listed twice", twice)
    missing = [line for line in lines if _inside(line, found) is None]
    findings += absent(name, f"of {len(lines)} maps are not in the set", missing)
    if not lines:
        findings.append(Finding(name, "lists no maps", wrong=True))
    return lines


def _inside(line: str, found: SetContents) -> str | None:
    """The file of the set that a line means, by its address or its path on whichever machine; None without one."""
    name = line.removeprefix(found.root)
    for one in (name, below_set(line)):
        if one is not None and one in found.files:
            return one
    return None


def _population(found: SetContents, folder: str, lists: Mapping[str, list[str]], *, only: bool) -> list[Finding]:
    """That no map is in two lists, and that they add up to what they were split from."""
    of_map: defaultdict[str, list[str]] = defaultdict(list)
    for name, lines in lists.items():
        for line in set(lines):
            of_map[line].append(name)
    findings = absent(folder, "maps are in two lists", [line for line, names in of_map.items() if len(names) > 1])
    total = sum(map(len, lists.values()))
    counts = f"{total} maps in {len(lists)} lists"
    source = _source(found, PurePosixPath(folder).name, only=only)
    if source is None:
        return [*findings, Finding(folder, f"{counts}; there is no coincs.dat to count them against")]
    rows = found.read(source, read_coincs)
    if isinstance(rows, Finding):
        return [*findings, rows]
    differ = _differences(rows, {PurePosixPath(name).stem: len(lines) for name, lines in lists.items()})
    if differ:
        return [*findings, Finding(folder, f"{counts}; {source} has {len(rows)}: {differ}", wrong=True)]
    return [*findings, Finding(folder, f"{counts}, as many as {source} has of each")]


def _source(found: SetContents, population: str, *, only: bool) -> str | None:
    wanted = [form.format(population) for form in _COINCS] + (["coincs.dat"] if only else [])
    names = (name for want in wanted for name in sorted(found.files) if PurePosixPath(name).name == want)
    return next(names, None)


def _differences(rows: list[Coinc], counts: Mapping[str, int]) -> str:
    there = Counter("".join(one.detectors) for one in rows)
    return ", ".join(
        f"{name} {counts.get(name, 0)} and not {there[name]}"
        for name in sorted({*there, *counts})
        if counts.get(name, 0) != there[name]
    )
