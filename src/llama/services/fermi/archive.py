"""Gamma-ray bursts from a folder of archived notices.

The folder is the archive that a listener fills with every notice heard, ours or not; or any other folder of notices.
Which files of it may matter, whoever opens it says, since a source does not know how an archive is laid out.

Silence is only evidence while somebody listened. The archive says so itself: between two notices of any kind that
were written less than `GAP_S` apart the listener is taken to have been on. A window that reaches outside of such
stretches is incomplete.

What is looked at: all notices that arrived from a day before the window until a day after its late ones (`LATE_S`).
Where they tell of a burst in the window, also all that arrived since, for retractions and better positions come days
later: those files are searched for the burst's names and its day, and only what names it is parsed. That takes
some 50 µs a file, so at most `MOST_LATER` are searched, and a list that leaves later ones out says so and is not
complete. What is not looked for is a burst whose first notice came later than a day after `LATE_S`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llama.advice import REMAKE_FILE, Advice
from llama.formats.packed import Kept
from llama.ports import Burst, BurstWindow, Retraction, Stretch
from llama.science.times import datetime_from_gps, utc_from_gps
from llama.services.fermi.latest import Told, days, latest, told
from llama.services.fermi.maps import with_map
from llama.services.fermi.reading import Parse, Reading, read, read_about
from llama.services.window import require_window

GAP_S = 6 * 3600.0
"""Two notices further apart leave a gap in which nobody may have listened. GCN alone sends many a day; assumption."""

LATE_S = 6 * 3600.0
"""Positions by people and sub-threshold candidates are written within 0.5 to 6 h (GCN's page on them)."""

MOST_LATER = 100_000
"""Files that are searched for a burst's names: years of what LLAMA listens to, in some seconds."""

FERMI_AGAIN = REMAKE_FILE.of(FILE="FERMI_GRBS")
SWIFT_AGAIN = REMAKE_FILE.of(FILE="SWIFT_GRBS")
_ADVICE = (
    "set LLAMA_GRB_NOTICES (a folder of notices) or LLAMA_GRB_CATALOGUE (a burst catalogue), then ask again with {}"
)
_NAMED = 3  # files, in a message
_EVER = datetime.max.replace(tzinfo=UTC)

FilesBetween = Callable[[Path, datetime, datetime], list[Kept]]
"""Messages in an archive that were heard on the days from one to another."""


@dataclass(frozen=True)
class NoticeFolder:
    """A source of bursts over archived notices.

    Attributes:
        folder: where they are; it need not exist yet.
        parse: reads one notice; raises NotForUs for what is not about a burst.
        files_between: which files of the folder are of some days.
        whose: notices are read.
        again: how to ask it again.
    """

    folder: Path
    parse: Parse
    files_between: FilesBetween
    whose: str = "Fermi GBM"
    again: Advice = FERMI_AGAIN

    @property
    def name(self) -> str:
        """How results name it."""
        return f"{self.whose} notices"

    def window(self, start_gps: float, stop_gps: float) -> BurstWindow:
        """The triggers of the window, each as its latest notice describes it."""
        require_window(start_gps, stop_gps)
        near, later, unseen = self._look(start_gps, stop_gps)
        heard, unreadable = sorted(near.heard), near.unreadable + later.unreadable
        bursts, notes = self._bursts(told(near.notices + later.notices), start_gps, stop_gps)
        heard_then = [(max(a, start_gps), min(b, stop_gps)) for a, b in stretches(heard)]
        covered = tuple(Stretch(a, b) for a, b in heard_then if b > a)
        listened_s = math.fsum(one.stop_gps - one.start_gps for one in covered)
        listened = listened_s >= stop_gps - start_gps
        settled = bool(heard) and heard[-1] >= stop_gps + LATE_S
        why = [
            *([] if listened else [self._why(heard, start_gps, stop_gps, listened_s)]),
            *([_unreadable(unreadable, self.again)] if unreadable else []),
            *([_unseen(unseen)] if unseen else []),
            *notes,
        ]
        # what cannot be read may be about any moment of the window, so silence is no evidence for any of it
        covered_s = 0.0 if unreadable else listened_s
        return BurstWindow(
            start_gps=start_gps,
            stop_gps=stop_gps,
            bursts=bursts,
            covered_s=min(covered_s, stop_gps - start_gps),
            complete=listened and not unreadable and not unseen,
            why="; ".join(why),
            subthreshold=settled,
            again_gps=None if settled or not self.folder.is_dir() else stop_gps,
            covered=() if unreadable else covered,
        )

    def close(self) -> None:
        """Nothing is held open: each notice is read and closed at once."""

    def _look(self, start_gps: float, stop_gps: float) -> tuple[Reading, Reading, Sequence[Kept]]:
        """What the files around the window tell, what later ones tell of its bursts, and which were not looked at."""
        day = timedelta(days=1)
        first, last = datetime_from_gps(start_gps) - day, datetime_from_gps(stop_gps + LATE_S) + day
        around = self._files(first, last)
        near = read(around, self.parse, start_gps)
        inside = [burst for burst in latest(near.notices) if start_gps <= burst.gps < stop_gps]
        if not inside:
            return near, Reading(), ()
        seen = set(around)
        since = [path for path in self._files(last, _EVER) if path not in seen]
        later = read_about(inside, since[:MOST_LATER], self.parse, start_gps)
        return near, later, since[MOST_LATER:]

    def _files(self, first: datetime, last: datetime) -> list[Kept]:
        """Those that can be GBM's, whose notices are never Avro."""
        return [path for path in self.files_between(self.folder, first, last) if path.suffix.lower() != ".avro"]

    def _bursts(self, found: Told, start_gps: float, stop_gps: float) -> tuple[tuple[Burst, ...], list[str]]:
        """The bursts of the window with their maps, and what its reader must know of them."""
        inside = [burst for burst in found.bursts if start_gps <= burst.gps < stop_gps]
        notes, bursts = [], []
        for burst in (burst for burst in inside if burst.role == "observation"):
            mapped, note = with_map(burst, self.folder)
            bursts.append(mapped)
            if note and not burst.not_a_burst:
                notes.append(f"{burst.name or burst.trigger_id}: {note}")
        if tests := len(inside) - len(bursts):
            notes.append(f"{tests} test trigger(s) left out")
        notes += [_nobodys(one) for one in found.nobodys if _may_be_of(one, start_gps, stop_gps)]
        return tuple(bursts), notes

    def _why(self, heard: Sequence[float], start_gps: float, stop_gps: float, covered_s: float) -> str:
        if not self.folder.is_dir():
            return f"there is no folder of notices {self.folder}; {_ADVICE.format(self.again)}"
        if not heard:
            return f"no notice was archived in {self.folder} around {utc_from_gps(start_gps, 0)}; " + _ADVICE.format(
                self.again
            )
        return (
            f"{covered_s:.0f} of {stop_gps - start_gps:.0f} s lie between notices less than {GAP_S / 3600:.0f} h "
            f"apart; heard from {utc_from_gps(heard[0], 0)} to {utc_from_gps(heard[-1], 0)}"
        )


def _unreadable(files: Sequence[str], again: Advice) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return (
        f"{len(files)} file(s) are no readable notice, so what they tell is not known: "
        f"{', '.join(files[:_NAMED])}{more}; mend or move them, then ask again with {again}"
    )


def _unseen(files: Sequence[Kept]) -> str:
    return (
        f"{len(files)} later files, from {files[0]} on, were not searched for retractions and better positions: "
        f"{MOST_LATER} are; move what is of other years elsewhere to have them searched"
    )


def _nobodys(retraction: Retraction) -> str:
    return (
        f"a retraction of {', '.join(retraction.names)} fits no burst here, or not one alone: it takes nothing back"
    )


def _may_be_of(retraction: Retraction, start_gps: float, stop_gps: float) -> bool:
    """Whether a retraction can be about a burst of the window, as far as it says of when that was."""
    if retraction.role != "observation":
        return False
    if retraction.gps is not None:
        return start_gps <= retraction.gps < stop_gps
    named = days(retraction.names)
    return not named or bool(named & {f"{datetime_from_gps(at):%y%m%d}" for at in (start_gps, stop_gps)})


def stretches(heard: Sequence[float]) -> list[tuple[float, float]]:
    """When the listener was on: ascending times of notices, joined where they are less than `GAP_S` apart."""
    found: list[tuple[float, float]] = []
    for moment in heard:
        if found and moment - found[-1][1] < GAP_S:
            found[-1] = (found[-1][0], moment)
        else:
            found.append((moment, moment))
    return found
