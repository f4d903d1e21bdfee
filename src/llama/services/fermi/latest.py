"""From notices to bursts: one burst per trigger, as its latest notice describes it.

A trigger goes by its number and by its name (`bn…`), so notices that share either are about one burst. Test notices
never mix with real ones: a test that takes back a number must not take back a burst.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

from llama.ports import RETRACTION, Burst

_STAGES = ("catalogue", "subthreshold", "alert", "flight", "ground", "final", RETRACTION)
_PLACE = (
    "ra", "dec", "sigma", "sigma_minor", "position_angle", "error_radius", "containment", "systematic_included",
    "error_source", "skymap", "skymap_url", "remark",
)  # fmt: skip


def latest(bursts: Iterable[Burst]) -> list[Burst]:
    """One burst per trigger, in order of time: the latest notice, with what only earlier ones said.

    A classification is only in the flight notices, a position never in an alert. A later notice replaces all of an
    earlier position, and nothing else it does not speak of. A retraction stands, whenever it was written: some do not
    say when, and positions made by programs go on coming after it.
    """
    found = [_one(group) for group in _groups(sorted(bursts, key=_age))]
    return sorted(found, key=lambda burst: (burst.gps, burst.trigger_id))


def _age(burst: Burst) -> tuple[str, int, str]:
    return (burst.notice_utc or "", _STAGES.index(burst.notice_type), repr(burst))


def _groups(bursts: Iterable[Burst]) -> list[list[Burst]]:
    """Those that share a number or a name, and a role."""
    groups: list[tuple[set[tuple[str, str]], list[Burst]]] = []
    for burst in bursts:
        names = {(burst.role, name) for name in (burst.trigger_id, burst.name) if name}
        same = [group for group in groups if group[0] & names]
        others = [group for group in groups if not group[0] & names]
        members = [one for group in same for one in group[1]]
        groups = [*others, (names.union(*(group[0] for group in same)), [*members, burst])]
    return [sorted(members, key=_age) for _, members in groups]


def _one(group: list[Burst]) -> Burst:
    described = [burst for burst in group if burst.notice_type != RETRACTION]
    taken_back = next((burst for burst in group if burst.notice_type == RETRACTION), None)
    if not described:
        return group[-1]
    found = described[0]
    for later in described[1:]:
        found = _joined(found, later)
    return found if taken_back is None else replace(found, not_a_burst=taken_back.not_a_burst)


def _joined(earlier: Burst, later: Burst) -> Burst:
    kept = {field.name: getattr(earlier, field.name) for field in fields(Burst) if field.name not in _PLACE}
    said = {name: value for name in kept if (value := getattr(later, name)) not in (None, "", {})}
    if later.classification:
        said["not_a_burst"] = later.not_a_burst
    if earlier.trigger_id.isdigit():  # one of its names may come before its number
        said["trigger_id"] = earlier.trigger_id
    where = later if later.ra is not None or later.skymap is not None else earlier
    return Burst(**kept | said | {name: getattr(where, name) for name in _PLACE})
