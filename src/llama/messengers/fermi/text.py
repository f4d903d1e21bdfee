"""A burst list as plain text, one line per burst."""

from __future__ import annotations

from llama.messengers.burst_record import BurstList, is_assumed
from llama.ports import Burst
from llama.science.times import utc_from_gps

_HEADER = "utc                         trigger       ra_deg   dec_deg  sigma_deg  notice        t90_s  what"


def as_text(found: BurstList) -> str:
    """What was asked, how much of it is covered and why not all, then the bursts in order of time."""
    start, stop = utc_from_gps(found.start_gps, 3), utc_from_gps(found.stop_gps, 3)
    covered = f"{found.covered_s:.1f} of {found.stop_gps - found.start_gps:.1f} s covered"
    lines = [
        f"# {len(found.bursts)} triggers from {start} to {stop}",
        f"# source {found.source}",
        f"# complete: {'yes' if found.complete else 'no'}, {covered}",
    ]
    lines += [f"# {found.why}"] if found.why else []
    return "\n".join([*lines, f"# {_HEADER}", *map(_line, found.bursts)]) + "\n"


def _line(burst: Burst) -> str:
    what = burst.not_a_burst or " ".join(filter(None, [burst.name, burst.duration_class]))
    if is_assumed(burst):
        what = f"{what} (error {burst.error_source})"
    if burst.sigma_minor is not None and burst.position_angle is not None:
        what = f"{what} (ellipse: {burst.sigma_minor:.3f} deg across, axis at {burst.position_angle:g} deg)"
    numbers = ((burst.ra, "9.4f"), (burst.dec, "+8.4f"), (burst.sigma, "9.3f"))
    ra, dec, sigma = (
        format(value, shape) if value is not None else "-".rjust(int(shape.lstrip("+").split(".")[0]))
        for value, shape in numbers
    )
    t90 = "-" if burst.t90_s is None else f"{burst.t90_s:.3f}"
    return (
        f"{utc_from_gps(burst.gps, 3):<26}  {burst.trigger_id:<11} {ra}  {dec}  {sigma}"
        f"  {burst.notice_type:<12}  {t90:>5}  {what}"
    ).rstrip()
