"""IceCube's gold and bronze tracks, out of the archive of notices, as a source of neutrinos.

It tells of few neutrinos, each of which passed a selection of its own, and of nothing else: not when the detector was
on, nor how many neutrinos unrelated to anything this selection lets through from where at which energies. So nothing
is covered, there is no season whose tables would fit, and no odds and no p-value come of such a list; it says so.
Energies are the most probable ones of the neutrino, where other sources give the muon's.

The latest revision of a neutrino counts, with what only earlier ones said. One that was taken back is no more,
whatever else is said of it, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llama.formats.errors import FormatError, NotForUs
from llama.formats.limits import MAX_RECORD_BYTES
from llama.formats.packed import Kept, read_ends, read_kept
from llama.ports import Neutrino, NeutrinoAlert, NeutrinoWindow
from llama.science.detector import azimuth_deg, zenith_deg
from llama.science.times import datetime_from_gps, mjd_from_gps
from llama.services.neutrinos.source import now_gps
from llama.services.window import again_gps, require_window

Parse = Callable[[bytes], NeutrinoAlert]
FilesBetween = Callable[[Path, datetime, datetime], list[Kept]]

STREAM = "IceCube gold and bronze track alerts"
MOST_FILES = 100_000
"""That are looked into: notices of some months, in some seconds."""

_MARKS = (b"ICECUBE_", b"IceCube")
_END_BYTES = 1 << 16
_EVER = datetime.max.replace(tzinfo=UTC)
_NAMED = 3
_UNKNOWN = (
    "notices state no livetime and no background of this selection: whether there were other neutrinos is not known, "
    "and p-values are n/a"
)


@dataclass(frozen=True)
class NeutrinoAlerts:
    """A source over a folder of notices.

    Attributes:
        folder: where they are; it need not exist yet.
        parse: reads one; raises NotForUs for what is about no gold or bronze track.
        files_between: which files of the folder were heard on some days.
        clock: the time, GPS seconds.
    """

    folder: Path
    parse: Parse
    files_between: FilesBetween
    clock: Callable[[], float] = now_gps

    @property
    def name(self) -> str:
        """Which stream it is."""
        return STREAM

    def window(self, start_gps: float, stop_gps: float, *, seed: str = "") -> NeutrinoWindow:
        """The neutrinos that were announced and not taken back; asked again, since revisions come for days."""
        require_window(start_gps, stop_gps)
        start_gps, stop_gps = float(start_gps), float(stop_gps)
        since = datetime_from_gps(start_gps) - timedelta(days=1)
        files = self.files_between(self.folder, since, _EVER)
        notices, unreadable = self._read(files[:MOST_FILES])
        inside = [one for one in latest(notices) if start_gps <= one.gps < stop_gps]
        usable = [one for one in inside if not _unusable(one)]
        why = [
            _UNKNOWN if self.folder.is_dir() else f"there is no folder of notices {self.folder}; {_UNKNOWN}",
            *map(_told, usable),
            *(f"{_called(one)} {why}" for one in inside if (why := _unusable(one))),
            *([_unread(unreadable)] if unreadable else []),
            *([f"{len(files) - MOST_FILES} later notices were not looked into"] if len(files) > MOST_FILES else []),
        ]
        return NeutrinoWindow(
            start_gps=start_gps,
            stop_gps=stop_gps,
            neutrinos=tuple(_neutrino(one) for one in usable),
            season=None,
            covered_s=0.0,
            complete=False,
            why="; ".join(why),
            again_gps=again_gps(self.clock(), stop_gps),
            covered=(),
        )

    def close(self) -> None:
        """Nothing is held open: each notice is read and closed at once."""

    def _read(self, files: Iterable[Kept]) -> tuple[list[NeutrinoAlert], list[str]]:
        """What notices tell of such tracks, and names of files that may and cannot be read."""
        notices, unreadable = [], []
        for path in files:
            try:
                if not _may_tell(path):
                    continue
                notices.append(self.parse(read_kept(path, MAX_RECORD_BYTES, "a notice")))
            except NotForUs:
                continue
            except (FormatError, OSError) as error:
                unreadable.append(f"{path.name} ({(isinstance(error, OSError) and error.strerror) or error})")
        return notices, unreadable


def latest(notices: Iterable[NeutrinoAlert]) -> list[NeutrinoAlert]:
    """One of each neutrino, in order of time: what its latest revision says, and of the rest what earlier ones do.

    Notices that share IceCube's name of it (run and event) or the public one are of one neutrino.
    """
    groups: list[tuple[set[str], list[NeutrinoAlert]]] = []
    for one in sorted(notices, key=_age):
        names = {f"{one.role} {name}" for name in (f"{one.run}_{one.event}", one.name) if name}
        same = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        members = sorted([*(member for group in same for member in group[1]), one], key=_age)
        groups.append((names.union(*(group[0] for group in same)), members))
    found = [_joined(members) for _, members in groups if members[0].role == "observation"]
    return sorted(found, key=lambda one: (one.gps, one.run, one.event))


def _age(one: NeutrinoAlert) -> tuple[int, str, str]:
    return one.revision, one.notice_utc, repr(one)


def _joined(members: list[NeutrinoAlert]) -> NeutrinoAlert:
    found = members[-1]
    for one in reversed(members):
        if found.ra is None or found.dec is None or found.sigma is None:
            found = replace(found, ra=one.ra, dec=one.dec, sigma=one.sigma, error_source=one.error_source)
        found = replace(found, energy_gev=found.energy_gev or one.energy_gev, name=found.name or one.name)
    return replace(found, taken_back=any(one.taken_back for one in members))


def _unusable(one: NeutrinoAlert) -> str:
    """Why a neutrino is not in the list; empty when it is."""
    if one.taken_back:
        return "was taken back (retracted)"
    if one.ra is None or one.dec is None or one.sigma is None:
        return "is left out: no notice gives its position with an error"
    return "" if one.energy_gev else "is left out: no notice gives its energy"


def _told(one: NeutrinoAlert) -> str:
    return (
        f"{_called(one)} is a {one.stream} track, revision {one.revision}; its sigma {one.sigma:.4g} deg is made of "
        f"the {one.error_source}; its energy is the neutrino's"
    )


def _called(one: NeutrinoAlert) -> str:
    return f"{one.run}_{one.event}{f' ({one.name})' if one.name else ''}"


def _unread(files: list[str]) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    named = ", ".join(files[:_NAMED])
    return f"{len(files)} file(s) are no readable notice, so what they tell is not known: {named}{more}"


def _may_tell(path: Kept) -> bool:
    """Whether IceCube's name is near the beginning or the end of a file, between which others carry their maps."""
    ends = read_ends(path, _END_BYTES, MAX_RECORD_BYTES, "a notice")
    return any(mark in ends for mark in _MARKS)


def _neutrino(one: NeutrinoAlert) -> Neutrino:
    mjd, ra, dec = float(mjd_from_gps(one.gps)), one.ra or 0.0, one.dec or 0.0
    return Neutrino(
        mjd=mjd,
        ra_deg=ra,
        dec_deg=dec,
        zenith_deg=zenith_deg(dec),
        azimuth_deg=azimuth_deg(mjd, ra),
        sigma_deg=one.sigma or 0.0,
        energy_gev=one.energy_gev or 0.0,
        run=one.run,
        event=one.event,
        type="observation",
        season=f"IceCube {one.stream} tracks",
    )
