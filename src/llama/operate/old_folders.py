"""Event folders of the software before this: taken in as they are, to be shown and run like any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llama.engine.errors import DecodeError, EngineError
from llama.engine.folder import Event, Taking, files_in, take_in, take_in_copy
from llama.engine.graph import Pipeline, Product, read
from llama.flags import PRESETS, Flags
from llama.messengers.gw.products import IGWN_ALERT, LVC_GCN, SKYMAP_INFO

_PRESET = "RERUN"
"""Nothing of it goes out."""


@dataclass(frozen=True)
class Imported:
    """What became of a folder.

    Attributes:
        event: of it.
        files: how many are the event's.
        left: what else lies there, and why it is none of the event's files.
        unreadable: files in the place of a product that its reader of today does not understand, with what it says.
    """

    event: Event
    files: int
    left: Mapping[str, str]
    unreadable: Mapping[str, str]


def import_folder(
    folder: Path, pipelines: Iterable[Pipeline], *, flags: Flags | None, into: Path | None, now: datetime
) -> Imported:
    """Take in a folder where it is, or a copy of it in another run's folder (`into`).

    What a product of ours would make is adopted as it is, so it is made again only when somebody asks. Without flags
    it is a test if its alert or its record says so, else an observation of which nothing is sent.
    """
    products = {product.filename: product for pipeline in pipelines for product in pipeline}
    files, left = files_in(folder)
    made = frozenset(name for name, product in products.items() if product.make is not None)
    flags = flags or _flags(folder)
    taking = Taking(flags.as_dict(), f"as the software before this left it in {folder.absolute()}", now, made)
    event = take_in(folder, taking) if into is None else take_in_copy(folder, into, taking)
    return Imported(event, len(files), left, _unreadable(event, products))


def _flags(folder: Path) -> Flags:
    for product in (IGWN_ALERT, LVC_GCN, SKYMAP_INFO):
        try:
            if read(product.codec, folder / product.filename).role == "test":
                return PRESETS[_PRESET].replace({"role": "test"})
        except (DecodeError, OSError):
            continue
    return PRESETS[_PRESET]


def ask_anew(event: Event, products: Iterable[Product[Any]], filenames: Iterable[str], *, now: datetime) -> list[str]:
    """Ask for those of the files that can be made again; what they held stays as a version. Returns which."""
    known = {product.filename: product for product in products if product.make is not None}
    asked = [name for name in filenames if name in known]
    for name in asked:
        event.remake(known[name], why="its form is none that is read today", now=now)
    return asked


def _unreadable(event: Event, products: Mapping[str, Product[Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    state = event.refresh()
    for name, product in products.items():
        if state.file(name).digest is None or not state.file(name).outside:
            continue
        try:
            read(product.codec, event.path / name)
        except (EngineError, OSError) as error:
            found[name] = str(error)
    return found
