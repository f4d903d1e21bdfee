"""Lists of background neutrinos: `bklist/`, and their names in `bklist_names.txt`."""

from __future__ import annotations

from pathlib import Path

from llama.advice import BACKGROUND_LISTS
from llama.formats.records import Record
from llama.messengers.icecube.record import NeutrinoList
from llama.studies.batch.lists import read_values
from llama.studies.dataset.contents import Finding, SetContents, absent, spread
from llama.studies.neutrino_files import LISTS, NAMES


def check_neutrino_lists(found: SetContents, read: int) -> list[Finding]:
    """Names and files that belong to each other; so many lists are read."""
    files = found.below(LISTS)
    if NAMES not in found.files or not files:
        lacking = [name for name, there in ((f"{LISTS}/", bool(files)), (NAMES, NAMES in found.files)) if not there]
        return [Finding(name, f"is missing; {BACKGROUND_LISTS} makes both", wrong=True) for name in lacking]
    names = found.read(NAMES, lambda path: read_values(path, NAMES))
    if isinstance(names, Finding):
        return [names]
    there = {name.removeprefix(f"{LISTS}/") for name in files}
    by_name = {name: next((one for one in (name, f"{name}.json") if one in there), None) for name in names}
    findings = absent(
        NAMES, f"names of which {LISTS}/ has no list", [name for name, one in by_name.items() if not one]
    )
    unnamed = sorted(there - set(by_name.values()))
    findings += absent(LISTS, f"lists that {NAMES} does not name", unnamed)
    findings += absent(LISTS, "lists are empty", [name for name in files if not found.files[name]])
    for name in spread([name for name in files if found.files[name]], read):
        if isinstance(wrong := found.read(name, _read_list), Finding):
            findings.append(wrong)
    return findings or [Finding(LISTS, f"{len(names)} lists, as many as {NAMES} names")]


def _read_list(path: Path) -> NeutrinoList:
    return Record(NeutrinoList).read(path)
