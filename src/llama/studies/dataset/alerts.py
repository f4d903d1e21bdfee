"""Sets of alerts, as the background study of O3B has them: superevents with a folder each, and a template."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.formats.skymap import read_skymap
from llama.formats.skymap_list import MAP_ENDINGS
from llama.studies.batch.lists import read_values
from llama.studies.dataset.contents import Finding, SetContents, absent, spread

NAMES, FOLDER, MISSING = "superevents.txt", "superevents", "missing_event_ids_cwb.npy"
TEMPLATE = "skymap_info.json.template"
_NEEDED = (TEMPLATE, "placeholder.json")
_CLASSES = "p_astro.json"
_NAME = "{superevent}"


def check_alerts(found: SetContents, read: int) -> list[Finding]:
    """Superevents that are listed have what an event is made from; so many of their maps are read."""
    findings = [Finding(name, "is missing", wrong=True) for name in _NEEDED if name not in found.files]
    if TEMPLATE in found.files:
        findings += _template(found)
    if NAMES not in found.files:
        return [*findings, Finding(NAMES, f"is missing: the names of what is in {FOLDER}/, one a line", wrong=True)]
    names = found.read(NAMES, lambda path: read_values(path, NAMES))
    skipped = found.read(MISSING, lambda path: read_values(path, MISSING)) if MISSING in found.files else ()
    if isinstance(names, Finding) or isinstance(skipped, Finding):
        return [*findings, *(one for one in (names, skipped) if isinstance(one, Finding))]
    wanted = [name for name in names if name not in set(skipped)]
    return findings + _superevents(found, wanted, len(names) - len(wanted), read)


def _template(found: SetContents) -> list[Finding]:
    text = found.read(TEMPLATE, lambda path: read_text(path, MAX_RECORD_BYTES, "a template"))
    if isinstance(text, Finding):
        return [text]
    return [] if _NAME in text else [Finding(TEMPLATE, f"has no {_NAME} to be filled in", wrong=True)]


def _superevents(found: SetContents, wanted: list[str], skipped: int, read: int) -> list[Finding]:
    of: dict[str, list[str]] = {}
    for name in found.below(FOLDER):
        parts = PurePosixPath(name).parts
        if len(parts) > 2:
            of.setdefault(parts[1], []).append(name)
    maps = {one: [name for name in names if name.endswith(MAP_ENDINGS)] for one, names in of.items()}
    findings = absent(NAMES, f"superevents have no folder in {FOLDER}/", [one for one in wanted if one not in of])
    there = [one for one in wanted if one in of]
    findings += absent(FOLDER, "superevents have no sky map", [one for one in there if not maps[one]])
    classless = [one for one in there if f"{FOLDER}/{one}/{_CLASSES}" not in of[one]]
    findings += absent(FOLDER, f"superevents have no {_CLASSES}", classless)
    findings += absent(
        FOLDER, "files are empty", [name for names in of.values() for name in names if not found.files[name]]
    )
    for name in spread([name for one in there for name in maps[one][:1] if found.files[name]], read):
        if isinstance(wrong := found.read(name, _read_map), Finding):
            findings.append(wrong)
    if unlisted := sorted(set(of) - set(wanted)):
        findings.append(Finding(FOLDER, f"{len(unlisted)} folders are not listed, or are skipped, as {unlisted[0]}"))
    left_out = f"; {skipped} more are skipped by {MISSING}" if skipped else ""
    return [*findings, Finding(NAMES, f"{len(wanted)} superevents{left_out}")]


def _read_map(path: Path) -> object:
    return read_skymap(path)
