"""A neutrino list as plain text, one line per neutrino."""

from __future__ import annotations

from llama.messengers.icecube.blinding import meanings
from llama.messengers.icecube.record import NeutrinoList
from llama.science.times import utc_from_gps

_HEADER = (
    "utc                          mjd              ra_deg    dec_deg  sigma_deg  energy_gev  type        i3event"
)


def as_text(neutrinos: NeutrinoList) -> str:
    """What was asked, how much of it is covered and why not all, then the neutrinos in order of time.

    Blinded and simulated ones are called that, and what it means.
    """
    length = neutrinos.stop_gps - neutrinos.start_gps
    start, stop = utc_from_gps(neutrinos.start_gps, 3), utc_from_gps(neutrinos.stop_gps, 3)
    lines = [
        f"# {_count(neutrinos)} from {start} to {stop}",
        f"# source {neutrinos.source}, season {neutrinos.season or 'none'}",
        f"# complete: {'yes' if neutrinos.complete else 'no'}, {neutrinos.covered_s:.1f} of {length:.1f} s covered",
    ]
    lines += [f"# {neutrinos.why}"] if neutrinos.why else []
    said = meanings(neutrinos.source, blinded=neutrinos.blinded, made_up=neutrinos.invented)
    lines += [f"# {text}" for text in said]
    lines.append(f"# {_HEADER}")
    lines += [
        f"{utc_from_gps(row.gps, 3):<26}  {row.mjd:15.8f}  {row.ra:9.4f}  {row.dec:+9.4f}  {row.sigma:9.4f}"
        f"  {float(f'{row.energy:.3g}'):10g}  {row.type:<10}  {row.i3event}"
        for row in neutrinos.neutrinos
    ]
    return "\n".join(lines) + "\n"


def _count(neutrinos: NeutrinoList) -> str:
    count = len(neutrinos.neutrinos)
    if not count and neutrinos.covered_s <= 0:
        return "no data, so no neutrinos are known,"
    return f"{count} neutrino{'' if count == 1 else 's'}"
