"""`gcn_circular_draft.txt`: a draft circular in the form readers of such circulars expect. A person sends it.

It claims nothing that is not in the significance file; what only a person can know stands in [BRACKETS].
"""

from __future__ import annotations

import textwrap

from llama.analyses.result import LISTED_BELOW_P
from llama.analyses.telling.report import Report, Row
from llama.analyses.telling.sources import METHOD, PIPELINE, neutrino_release
from llama.analyses.telling.wording import WINDOW_S, capitalised, energy_range, format_probability, found, in_columns
from llama.ports import SIMULATED_SOURCE
from llama.science.times import utc_from_gps

WIDTH = 78
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_HEADINGS = ("dt(s)", "RA(deg)", "Dec(deg)", "Ang. unc.(deg)", "p-value", "event")
_ASSUMED = {
    "bns": "a merger of two neutron stars",
    "nsbh": "a merger of a neutron star and a black hole",
    "bbh": "a merger of two black holes",
    "cbc": "a binary merger",
    "burst": "a burst of gravitational waves",
}


def circular(report: Report) -> str:
    """The whole draft: banner, subject, body, references."""
    paragraphs = [
        *_banner(report),
        f"SUBJECT: {subject(report)}",
        "[AUTHORS] report:",
        *(_fill(text) for text in _retraction(report)),
        _fill(_search(report)),
        *(_fill(f"{capitalised(remark)}.") for remark in report.skymap.remarks),
        _fill(_coverage(report)),
        *(_fill(text) for text in _result(report)),
        *_table(report),
        *(_fill(text) for text in _sensitivity(report)),
        _fill(_meaning(report)),
        "\n".join(_fill(f"[{i}] {text}") for i, text in enumerate(_references(report), start=1)),
    ]
    return "\n\n".join(paragraphs) + "\n"


def subject(report: Report) -> str:
    """The subject line; candidates are counted only when there is a result."""
    prefix = ("TEST - " if report.test else "") + ("SIMULATED - " if report.made_up else "")
    name = f"{prefix}LIGO/Virgo/KAGRA {report.graceid}"
    if report.retracted:
        return f"{name}: RETRACTED, the neutrino search has no result"
    if report.blinded:
        return f"{name}: BLINDED neutrino search, not a result"
    if report.p_value is None:
        return f"{name}: neutrino search without a p-value"
    count = len(report.coincident)
    if count == 0:
        return f"{name}: no neutrino counterpart found in the LLAMA search"
    plural = "s" if count > 1 else ""
    return f"{name}: {_count(count)} counterpart neutrino candidate{plural} from the LLAMA search"


def _banner(report: Report) -> list[str]:
    lines = ["DRAFT: written by software, not sent. A person checks and sends it."]
    if report.retracted:
        lines.append(f"RETRACTED: the alert was taken back at {report.retracted}. Send nothing but a retraction.")
    if report.test:
        lines.append("TEST EVENT: do not send. Nothing here is an observation.")
    if report.made_up:
        lines.append("SIMULATED NEUTRINOS: do not send. Some events of the list were never detected.")
    if report.blinded:
        lines.append("BLINDED NEUTRINOS: do not send. Right ascensions are scrambled.")
    if not report.complete:
        lines.append("INCOMPLETE DATA: the neutrino data do not cover the whole window, or may still change.")
    if report.skymap.doubt:
        lines.append("SKY MAP IN DOUBT: it may be of another event. Do not send before that is settled.")
    return ["\n".join(f"*** {line}" for line in lines)]


def _search(report: Report) -> str:
    start, stop = (_utc(report.gps_time + shift) for shift in (-WINDOW_S, WINDOW_S))
    distance = {
        "map": " The distance estimate of the sky map, direction by direction, enters the significance.",
        "pinned": " The mean distance of the sky map enters the significance.",
    }.get(report.distance_mode, " No distance estimate enters the significance.")
    kind = "low-significance " if report.significant is False else ""  # None: alerts before O4 did not say
    return (
        f"A search for track-like muon neutrino events in IceCube data consistent with the sky localization of the "
        f"{kind}gravitational-wave candidate {report.graceid}, in a time range of 1000 seconds centered on the alert "
        f"event time ({start} to {stop}), has been performed [1,2]. It uses the sky map of {report.event_id}"
        f" ({report.skymap}). One hypothesis test was made: a Bayesian search for a common source, which assumes "
        f"{_ASSUMED.get(report.population or 'cbc', report.population)}.{distance}"
    )


def _coverage(report: Report) -> str:
    sample = f"Neutrinos: {report.source or 'source not recorded'}"
    sample += f", season {report.season}" if report.season else ""
    sample += " [3]." if neutrino_release(report.source) else "."
    why = f" Remark: {report.coverage_why}." if report.coverage_why else ""
    if report.complete and report.source.startswith(SIMULATED_SOURCE):
        return f"{sample} They were drawn at random for the whole window; no data were taken.{why}"
    if report.complete:
        return f"{sample} Good data cover the whole window.{why}"
    if report.covered_s <= 0:
        return f"{sample} No good data cover the window.{why}"
    return f"{sample} The data are not complete: good data cover {report.covered_s:.0f} s of the 1000 s.{why}"


def _retraction(report: Report) -> list[str]:
    if not report.retracted:
        return []
    return [
        f"The gravitational-wave candidate {report.graceid} has been retracted ({report.retracted}). Whatever was "
        "reported of this search is retracted with it."
    ]


def _result(report: Report) -> list[str]:
    if report.retracted:
        return ["The candidate is retracted: no coincidence and no p-value can be stated."]
    if report.blinded:
        return ["The neutrinos are blinded: no coincidence and no p-value can be stated."]
    seen = f"{capitalised(found(len(report.rows), report.covered_s, 'track-like event'))}."
    if report.p_value is None:
        return [f"{seen} No p-value can be stated: {report.p_basis}."]
    if report.impossible:
        return [f"{seen} No coincidence is stated: {report.nothing_coincides}."]
    return [f"{seen} {_coincidence(report)}"]


def _coincidence(report: Report) -> str:
    count, p_text = len(report.coincident), report.p_text
    number = f"below {p_text[1:]}" if p_text.startswith("<") else f"of {p_text}"
    verb = "event is" if count == 1 else "events are"
    basis = f" ({report.p_basis})" if report.background or report.own_map else ""
    text = (
        f"{_count(count).capitalize()} track-like {verb} found in coincidence with the candidate "
        f"(overall p-value and the event's own below {LISTED_BELOW_P:g}). This represents an overall pre-trial "
        f"p-value {number} for the Bayesian search{basis}."
    )
    if report.direction is None:
        return text
    ra, dec = report.direction
    return (
        f"{text} The most probable source direction from neutrinos and sky map together is RA {ra:.2f}, "
        f"Dec {dec:+.2f} degrees. This is no claim of a detection."
    )


def _table(report: Report) -> list[str]:
    if not report.coincident:
        return []
    lines = in_columns([_HEADINGS, *(_cells(row) for row in report.coincident)])
    table = [lines[0], "-" * len(lines[0]), *lines[1:]]
    legend = (
        "dt = time of the track event minus time of the gravitational-wave trigger",
        "Ang. unc. = radius of a circle with 90% containment by area (2.146 sigma)",
        "p-value = of this track event in the Bayesian search, the part of background",
        "          events whose odds, of all their neutrinos together, reach its own",
        "event = its name in the neutrino sample",
    )
    return ["Properties of the coincident events:", "\n".join(table), "where:\n" + "\n".join(legend)]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.dt_s:+.2f}",
        f"{row.ra_deg:.2f}",
        f"{row.dec_deg:+.2f}",
        f"{row.r90_deg:.2f}",
        row.p_text,
        row.i3event,
    )


def _sensitivity(report: Report) -> list[str]:
    """What the search could have seen, whatever it did see."""
    given = report.flux_sensitivity
    if not given:
        return []
    low, high = given.flux_sensitivity
    energies = energy_range(*given.sensitive_energy_range)
    energy = (
        f" At the distance of the sky map, {report.energy_limit.counts:.1f} events correspond to an isotropic energy "
        f"in muon neutrinos of {report.energy_limit}."
        if report.energy_limit is not None
        else ""
    )
    return [
        f"The sensitivity of IceCube to a point source with an E^-2 spectrum (E^2 dN/dE, muon neutrinos and "
        f"antineutrinos, 2.3 expected events) ranges from {low:#.2g} to {high:#.2g} GeV cm^-2 over the 90% region of "
        f"the sky map. 90% of the neutrinos of such a source that IceCube would detect have energies of {energies}."
        f"{energy}"
    ]


def _meaning(report: Report) -> str:
    if report.void or report.impossible or report.p_value is None:
        return "No false alarm rate follows from this search."
    rate = f": {report.false_alarms}" if report.false_alarms is not None else ""
    counted = report.false_alarms.alerts_counted if report.false_alarms is not None else ""
    basis = f" Such alerts come {counted}." if counted else ""
    return (
        f"The p-values measure the consistency of the track events with background: {_compared_with(report)}. The "
        "overall p-value accounts for the number of neutrinos in the window. Neither it nor those of single events "
        "are corrected for the number of alerts and sky maps searched, or for other searches. The false alarm rate "
        f"of a coincidence is its p-value times the rate of gravitational-wave alerts of the same class{rate}.{basis}"
        f"{_if_real(report)}"
    )


def _compared_with(report: Report) -> str:
    """What background is, to the p-values."""
    if report.own_map is not None:
        return "scrambled atmospheric neutrinos on this single sky map"
    detectors = "" if report.background is not None and report.background.pooled else " and detectors"
    return f"simulated gravitational-wave sky maps of the same population{detectors} with scrambled neutrinos"


def _if_real(report: Report) -> str:
    """What the p-values take for granted, beside what the alert says of it."""
    if report.p_astro_before is None:
        return ""
    stated = format_probability(report.p_astro_before)
    return f" All of them take the alert for real; its probability of being astrophysical is given as {stated}."


def _references(report: Report) -> list[str]:
    release = neutrino_release(report.source)
    return [METHOD, PIPELINE, *([release] if release else [])]


def _utc(gps_s: float) -> str:
    return utc_from_gps(gps_s, digits=0).replace("T", " ").replace("Z", " UTC")


def _count(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _fill(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
