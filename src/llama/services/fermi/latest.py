"""From notices to bursts: one burst per trigger, as its latest notice describes it.

A trigger goes by its number and by its name (`bn…`), so notices that share either are about one burst. Test notices
never mix with real ones: a test that takes back a number must not take back a burst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from llama.ports import Burst, Retraction
from llama.science.times import utc_from_gps

_STAGES = ("catalogue", "subthreshold", "alert", "flight", "ground", "final")
_PLACE = (
    "ra", "dec", "sigma", "sigma_minor", "position_angle", "error_radius", "containment", "systematic_included",
    "error_source", "skymap", "skymap_url", "remark",
)  # fmt: skip
_TRIGGER = re.compile(r"[0-9]+|bn[0-9]{9}")
_OF_A_DAY = re.compile(r"grb(?P<day>[0-9]{6})([0-9]{1,2}|[a-z]*)")
_SAME_TRIGGER_S = 10.0  # GBM does not trigger again for some 600 s; others round the time


@dataclass(frozen=True)
class Told:
    """What notices tell.

    Attributes:
        bursts: one per trigger, in order of time.
        nobodys: retractions that name none of them, or not one alone.
    """

    bursts: list[Burst]
    nobodys: list[Retraction]


def latest(notices: Iterable[Burst | Retraction]) -> list[Burst]:
    """One burst per trigger, in order of time: the latest notice, with what only earlier ones said.

    A classification is only in the flight notices, a position never in an alert. A later notice replaces all of an
    earlier position, and nothing else it does not speak of. A retraction stands, whenever it was written: some do not
    say when, and positions made by programs go on coming after it.
    """
    return told(notices).bursts


def told(notices: Iterable[Burst | Retraction]) -> Told:
    """The same, and which retractions take nothing back."""
    notices = list(notices)
    groups = _groups(sorted((one for one in notices if isinstance(one, Burst)), key=_age))
    triggers = [(names, _one(members)) for names, members in groups]
    found = {burst.trigger_id + burst.role: burst for _, burst in triggers}
    nobodys = []
    for retraction in (one for one in notices if isinstance(one, Retraction)):
        meant = _meant(retraction, triggers)
        found |= {burst.trigger_id + burst.role: _taken_back(burst, retraction) for burst in meant}
        nobodys += [] if meant else [retraction]
    return Told(sorted(found.values(), key=lambda burst: (burst.gps, burst.trigger_id)), nobodys)


def key(name: str) -> str:
    """A name as all write it: `GRB240812094`, `GRB 240812.094` and `BN240812094` are `bn240812094`."""
    plain = "".join(character for character in name.lower() if character.isalnum())
    return re.sub(r"^grb(?=[0-9]{9}$)", "bn", plain)


def days(names: Iterable[str]) -> set[str]:
    """Days (`240812`) of which names in the community's form, `GRB 240812A` or `GRB 240812.09`, are."""
    return {found["day"] for name in names if (found := _OF_A_DAY.fullmatch(key(name)))}


def days_of(burst: Burst) -> set[str]:
    """Days a burst may be named after: that of its time, and that of its detector's name for it."""
    named = {key(burst.name)[2:8]} if _TRIGGER.fullmatch(key(burst.name)) else set()
    return {utc_from_gps(burst.gps)[2:10].replace("-", "")} | named


_Trigger = tuple[set[str], Burst]


def _meant(retraction: Retraction, triggers: Sequence[_Trigger]) -> list[Burst]:
    """The bursts that it names; where it gives no number of the detector's, the one of its time or its day."""
    same = [(names, burst) for names, burst in triggers if burst.role == retraction.role]
    keys = {key(name) for name in retraction.names}
    if named := [burst for names, burst in same if names & keys]:
        return named
    if any(_TRIGGER.fullmatch(name) for name in keys):
        return []
    at, day = retraction.gps, days(retraction.names)
    near = [burst for _, burst in same if at is not None and abs(burst.gps - at) <= _SAME_TRIGGER_S]
    fits = near or [burst for _, burst in same if days_of(burst) & day]
    likely = [burst for burst in fits if not burst.not_a_burst] or fits
    return likely if len(likely) == 1 else []


def _taken_back(burst: Burst, retraction: Retraction) -> Burst:
    names = {key(burst.trigger_id), key(burst.name)}
    by_name = any(key(name) in names for name in retraction.names)
    remark = "" if by_name else f"taken back as {', '.join(retraction.names)}"
    return replace(burst, not_a_burst=retraction.why, remark="; ".join(filter(None, [burst.remark, remark])))


def _age(burst: Burst) -> tuple[str, int, str]:
    return (burst.notice_utc or "", _STAGES.index(burst.notice_type), repr(burst))


def _groups(bursts: Iterable[Burst]) -> list[tuple[set[str], list[Burst]]]:
    """Those that share a number or a name, and a role; with all their names."""
    groups: list[tuple[set[str], list[Burst]]] = []
    for burst in bursts:
        names = {key(name) for name in (burst.trigger_id, burst.name) if name}
        same = [group for group in groups if group[0] & names and group[1][0].role == burst.role]
        others = [group for group in groups if group not in same]
        members = [one for group in same for one in group[1]]
        groups = [*others, (names.union(*(group[0] for group in same)), [*members, burst])]
    return [(names, sorted(members, key=_age)) for names, members in groups]


def _one(group: list[Burst]) -> Burst:
    found = group[0]
    for later in group[1:]:
        found = _joined(found, later)
    return found


def _joined(earlier: Burst, later: Burst) -> Burst:
    kept = {field.name: getattr(earlier, field.name) for field in fields(Burst) if field.name not in _PLACE}
    said = {name: value for name in kept if (value := getattr(later, name)) not in (None, "", {})}
    if later.classification:
        said["not_a_burst"] = later.not_a_burst
    if earlier.trigger_id.isdigit():  # one of its names may come before its number
        said["trigger_id"] = earlier.trigger_id
    where = later if later.ra is not None or later.skymap is not None else earlier
    return Burst(**kept | said | {name: getattr(where, name) for name in _PLACE})
