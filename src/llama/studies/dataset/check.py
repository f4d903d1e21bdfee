"""Whether a data set is organised as a study wants it, and what is missing."""

from __future__ import annotations

from llama.formats.skymap_list import MAP_FOLDERS
from llama.ports import Storage
from llama.studies.dataset import alerts, simulated
from llama.studies.dataset.contents import Finding, SetContents
from llama.studies.dataset.neutrino_lists import check_neutrino_lists


def check_dataset(storage: Storage, place: str, read: int) -> list[Finding]:
    """What was found, in the order in which one would look.

    Args:
        place: a folder here, or an address. read: so many maps and lists are opened, evenly taken.

    Raises TransferError where it cannot be listed, FormatError where there is nothing.
    """
    found = SetContents.of(storage, place)
    of_alerts = alerts.NAMES in found.files or found.has(alerts.FOLDER)
    of_maps = any(found.has(folder) for folder in (*MAP_FOLDERS, simulated.LISTS))
    if not (of_alerts or of_maps):
        wanted = (
            f"neither {MAP_FOLDERS[0]}/ with {simulated.LISTS}/ nor {alerts.FOLDER}/ with {alerts.NAMES} is there"
        )
        return [Finding(place, f"{wanted}, so it is no set for a study", wrong=True)]
    findings = alerts.check_alerts(found, read) if of_alerts else []
    findings += simulated.check_simulated(found, read) if of_maps else []
    return findings + check_neutrino_lists(found, read)
