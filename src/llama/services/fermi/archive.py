"""Gamma-ray bursts from a folder of archived notices.

The folder is the archive that a listener fills with every notice heard, ours or not; or any other folder of notices.
Which files of it may matter, whoever opens it says, since a source does not know how an archive is laid out. A map
lies beside the notices under the name that its address ends in.

Silence is only evidence while somebody listened. The archive says so itself: between two notices of any kind that
were written less than `GAP_S` apart the listener is taken to have been on. A window that reaches outside of such
stretches is incomplete.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from llama.formats.bom import without_bom
from llama.formats.errors import FormatError, NotForUs
from llama.formats.limits import MAX_SKYMAP_BYTES, read_limited
from llama.formats.notice_json import MAX_JSON_BYTES
from llama.formats.skymap import read_skymap
from llama.formats.skymap_multiorder import to_bytes
from llama.formats.voevent import parse_voevent
from llama.formats.xmlsafe import is_xml
from llama.ports import Burst, BurstMap, BurstWindow, Stretch
from llama.science.sky import thinned
from llama.science.times import datetime_from_gps, gps_from_utc, utc_from_gps
from llama.services.fermi.latest import latest
from llama.services.window import require_window

GAP_S = 6 * 3600.0
"""Two notices further apart leave a gap in which nobody may have listened. GCN alone sends many a day; assumption."""

LATE_S = 6 * 3600.0
"""Positions by people and sub-threshold candidates are written within 0.5 to 6 h (GCN's page on them)."""

_ADVICE = (
    "set LLAMA_GRB_NOTICES (a folder of notices) or LLAMA_GRB_CATALOGUE (a burst catalogue), then ask again with "
    "`llama event EVENT remake FERMI_GRBS`"
)
_NAMED = 3  # files, in a message
_SUFFIXES = {".json", ".xml"}
_WRITTEN = ("alert_datetime", "time_created")
_HEADER_BYTES = 2880 * 8
_SYSTEMATIC = {
    b"GBM_healpix.py": "made by the GBM team's GBM_healpix.py, whose maps hold it (measured on bn180116026)",
    b"'gwcelery": "made by gwcelery, which folds in core and tail of Connaughton et al. 2015",
}

Parse = Callable[[bytes], Burst]
FilesBetween = Callable[[Path, datetime, datetime], list[Path]]
"""Messages in an archive that were heard on the days from one to another."""


@dataclass(frozen=True)
class NoticeFolder:
    """A source of bursts over archived notices.

    Attributes:
        folder: where they are; it need not exist yet.
        parse: reads one notice; raises NotForUs for what is not about a burst.
        files_between: which files of the folder are of some days.
    """

    folder: Path
    parse: Parse
    files_between: FilesBetween

    @property
    def name(self) -> str:
        """How results name it."""
        return "Fermi GBM notices"

    def window(self, start_gps: float, stop_gps: float) -> BurstWindow:
        """The triggers of the window, each as its latest notice describes it."""
        require_window(start_gps, stop_gps)
        heard, found, unreadable = self._read(start_gps, stop_gps)
        notes = [_unreadable(unreadable)] if unreadable else []
        inside = [burst for burst in latest(found) if start_gps <= burst.gps < stop_gps]
        bursts = tuple(self._with_map(burst) for burst in inside if burst.role == "observation")
        if tests := len(inside) - len(bursts):
            notes.append(f"{tests} test trigger(s) left out")
        heard_then = [(max(a, start_gps), min(b, stop_gps)) for a, b in stretches(heard)]
        covered = tuple(Stretch(a, b) for a, b in heard_then if b > a)
        listened_s = math.fsum(one.stop_gps - one.start_gps for one in covered)
        listened = listened_s >= stop_gps - start_gps
        settled = bool(heard) and heard[-1] >= stop_gps + LATE_S
        why = [] if listened else [self._why(heard, start_gps, stop_gps, listened_s)]
        # what cannot be read may be about any moment of the window, so silence is no evidence for any of it
        covered_s = 0.0 if unreadable else listened_s
        complete = listened and not unreadable
        return BurstWindow(
            start_gps=start_gps,
            stop_gps=stop_gps,
            bursts=bursts,
            covered_s=min(covered_s, stop_gps - start_gps),
            complete=complete,
            why="; ".join(why + notes),
            subthreshold=settled,
            again_gps=None if settled or not self.folder.is_dir() else stop_gps,
            covered=() if unreadable else covered,
        )

    def close(self) -> None:
        """Nothing is held open: each notice is read and closed at once."""

    def _read(self, start_gps: float, stop_gps: float) -> tuple[list[float], list[Burst], list[str]]:
        """When notices were written, what bursts they describe, and which may be about the window but cannot be read.

        One that was written before the window cannot be about a burst in it.
        """
        heard: list[float] = []
        found: list[Burst] = []
        unreadable: list[str] = []
        for path in self._files(start_gps, stop_gps):
            try:
                data = read_limited(path, MAX_JSON_BYTES, "a notice")
            except FormatError as error:
                unreadable.append(f"{path.name} ({error})")
                continue
            if (moment := written_gps(data)) is not None:
                heard.append(moment)
            try:
                found.append(self.parse(data))
            except NotForUs:
                continue
            except FormatError as error:
                if moment is None or moment >= start_gps:
                    unreadable.append(f"{path.name} ({error})")
        return sorted(heard), found, unreadable

    def _files(self, start_gps: float, stop_gps: float) -> list[Path]:
        """Notices that may matter, by name: of the days around the window, and one on which what was late came."""
        day = timedelta(days=1)
        first, last = datetime_from_gps(start_gps) - day, datetime_from_gps(stop_gps + LATE_S) + day
        return [path for path in self.files_between(self.folder, first, last) if path.suffix in _SUFFIXES]

    def _with_map(self, burst: Burst) -> Burst:
        if burst.skymap is not None:
            return replace(burst, skymap=_thinned(burst.skymap))
        if not burst.skymap_url:
            return burst
        name = burst.skymap_url.rsplit("/", 1)[-1]
        path = next(iter(sorted(self.folder.rglob(name))), None) if re.fullmatch(r"[\w.+-]+", name) else None
        return burst if path is None else replace(burst, skymap=burst_map(path))

    def _why(self, heard: Sequence[float], start_gps: float, stop_gps: float, covered_s: float) -> str:
        if not self.folder.is_dir():
            return f"there is no folder of notices {self.folder}; {_ADVICE}"
        if not heard:
            return f"no notice was archived in {self.folder} around {utc_from_gps(start_gps, 0)}; {_ADVICE}"
        return (
            f"{covered_s:.0f} of {stop_gps - start_gps:.0f} s lie between notices less than {GAP_S / 3600:.0f} h "
            f"apart; heard from {utc_from_gps(heard[0], 0)} to {utc_from_gps(heard[-1], 0)}"
        )


def _unreadable(files: Sequence[str]) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return (
        f"{len(files)} file(s) are no readable notice, so what they tell is not known: "
        f"{', '.join(files[:_NAMED])}{more}; mend or move them, then ask again with "
        "`llama event EVENT remake FERMI_GRBS`"
    )


def stretches(heard: Sequence[float]) -> list[tuple[float, float]]:
    """When the listener was on: ascending times of notices, joined where they are less than `GAP_S` apart."""
    found: list[tuple[float, float]] = []
    for moment in heard:
        if found and moment - found[-1][1] < GAP_S:
            found[-1] = (found[-1][0], moment)
        else:
            found.append((moment, moment))
    return found


def written_gps(data: bytes) -> float | None:
    """When a notice of whatever kind was written, GPS seconds; None when it does not say."""
    try:
        if is_xml(data):
            text: object = parse_voevent(data).date
        else:
            notice = msgspec.json.decode(without_bom(data), type=dict[str, object])
            text = next((notice[key] for key in _WRITTEN if key in notice), None)
        return None if text is None else gps_from_utc(str(text))
    except (ValueError, msgspec.DecodeError):
        return None


def burst_map(path: Path) -> BurstMap | None:
    """A map file as it goes into a record; None for a file that is no sky map."""
    try:
        data = read_limited(path, MAX_SKYMAP_BYTES, "a sky map")
        fits = to_bytes(thinned(read_skymap(path)))
    except (FormatError, OSError):
        return None
    maker = next((maker for maker in _SYSTEMATIC if maker in data[:_HEADER_BYTES]), None)
    return BurstMap(
        name=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        fits_base64=base64.b64encode(fits).decode(),
        systematic_included=None if maker is None else True,
        note="its header does not say; used as it is" if maker is None else _SYSTEMATIC[maker],
    )


def _thinned(carried: BurstMap) -> BurstMap:
    """A map that came inside a notice, in the cells that matter."""
    fits = to_bytes(thinned(read_skymap(base64.b64decode(carried.fits_base64))))
    return replace(carried, fits_base64=base64.b64encode(fits).decode())
