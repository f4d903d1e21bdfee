"""What had been put before, told from lists of a store: one answer names a thousand objects."""

from __future__ import annotations

from collections.abc import Set

from llama.ports import Storage, TransferRefused
from llama.studies.batch.patterns import filled
from llama.studies.batch.plan import EVENT, NUMBER, Batch

FEW = 100
"""So many combinations are asked for one by one."""
_MANY = 1_000_000  # more are asked for as their turn comes
_OTHERS = 10_000  # a folder that holds more than is ours, and so many besides, is not read to its end


def put_before(whole: Batch, storage: Storage, few: int = FEW) -> Set[int]:
    """Numbers of combinations of which all was put before. Those that it leaves out may have been put as well: those
    whose folder is still to be removed have been.

    Only stores that speak S3 are asked; elsewhere, one by one is as fast.
    """
    asked = whole.orders.asked
    if not few < len(whole) <= _MANY or not asked.put:
        return frozenset()
    here = {name: f"{{{name}}}" for name in (*asked.parameters, NUMBER, EVENT)}
    there: set[str] = set()
    for folder in {_folder(filled(url, whole.orders.fixed, here)) for url in asked.put.values()}:
        if not folder:
            return frozenset()
        most = len(whole) * len(asked.put) + _OTHERS
        try:
            for found in storage.list(folder):
                if len(there) >= most:
                    return frozenset()
                there.add(found.url)
        except TransferRefused:  # one may be let to files, and not to lists
            return frozenset()
    done = (one for one in whole if all(whole.orders.address(url, one) in there for url in asked.put.values()))
    return {one.number for one in done if not (asked.discard and whole.orders.folder(one).exists())}


def _folder(url: str) -> str:
    """The folder of a store below which a pattern leads, whatever is filled in; empty where it is none of S3."""
    folder = url.partition("{")[0].rpartition("/")[0]
    return f"{folder}/" if folder.startswith("s3://") and folder != "s3:/" else ""
