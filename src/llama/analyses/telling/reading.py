"""From a decoded significance file to the report that every output is written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llama.analyses.result import (
    EnergyLimitRange,
    ListSaid,
    PAstroChange,
    PValueTable,
    Significance,
    SingleNeutrino,
    marks_of,
    read_significance,
)
from llama.analyses.telling.report import Background, EnergyLimit, FalseAlarms, OwnMap, Report, Row
from llama.analyses.telling.skymap_used import SkymapUsed
from llama.analyses.telling.sources import neutrino_release
from llama.analyses.telling.wording import NOT_AVAILABLE, p_for_people


def read_report(
    significance: Mapping[str, Any], *, role: str = "observation", retracted: str | None = None, blinded: bool = False
) -> Report:
    """The report in a decoded `significance_*.json`; how the event stands by now is as for `marks_of`.

    Raises RecordError when it is no such file.
    """
    said = read_significance(significance)
    p_text, alert = said.p_value_text or "", said.inputs.gw_skymap_info
    p_astro, direction = said.p_astro or PAstroChange(), said.most_probable_direction
    return Report(
        event_id=said.event_id,
        graceid=said.graceid,
        search_type=said.search_type,
        gps_time=said.gps_time,
        event_time=said.event_time,
        notice_time=alert.notice_time,
        marks=marks_of(significance, role=role, retracted=retracted, blinded=blinded),
        retracted=said.retracted or retracted,
        far_hz=alert.far,
        significant=alert.significant,
        pipeline=alert.pipeline or "",
        instruments=alert.instruments or (),
        skymap=SkymapUsed.of(said.inputs),
        rows=_rows(said.single_neutrino, p_text),
        log_odds=said.log_odds_ratio,
        p_value=said.p_value,
        p_text=p_for_people(said.p_value, p_text),
        p_reason=said.p_value_reason or "",
        background=_background(said.p_value_table),
        own_map=_own_map(said),
        of_earlier_version=said.p_value_background is None and said.p_value is not None,
        sigma=said.significance_sigma,
        false_alarms=_false_alarms(said),
        p_astro_before=p_astro.before,
        p_astro_after=p_astro.after,
        population=said.population,
        distance_mode=said.distance_mode or NOT_AVAILABLE,
        notes=said.notes or (),
        best_direction=None if direction is None else (direction.ra, direction.dec),
        flux_sensitivity=said.neutrino_flux_sensitivity_range,
        energy_limit=_energy_limit(said.isotropic_energy_limit_range),
        parameters=_parameters(said),
        **_coverage(said.inputs.neutrino_list or ListSaid()),
    )


def _parameters(said: Significance) -> dict[str, Any]:
    given = said.inputs.search_parameters
    return {} if given is None or isinstance(given, msgspec.UnsetType) else given


def _coverage(data: ListSaid) -> dict[str, Any]:
    return {
        "complete": data.complete,
        "covered_s": data.covered_s,
        "season": data.season,
        "source": data.source or "",
        "coverage_why": data.why or "",
    }


def _background(table: PValueTable | None) -> Background | None:
    return None if table is None else Background(table.name, table.events, table.sky_maps)


def _own_map(said: Significance) -> OwnMap | None:
    found = said.p_value_background
    if found is None or said.p_value_from != "map":
        return None
    source = (said.inputs.neutrino_list or ListSaid()).source or ""
    # of a list that is none of the season's own: no other background is known for it
    season = found.season if neutrino_release(source) else f"stated as for {found.season}"
    return OwnMap(found.lists, season, found.p_value, 0.0 if found.text.startswith("<") else found.error)


def _false_alarms(said: Significance) -> FalseAlarms | None:
    rate_hz, among = said.far_joint_hz, said.far_joint
    if rate_hz is None or among is None:
        return None
    return FalseAlarms(rate_hz, among.alerts, among.confidence, among.rate_hz, among.source or "")


def _energy_limit(given: EnergyLimitRange | None) -> EnergyLimit | None:
    if given is None:
        return None
    return EnergyLimit(*given.energy_erg, given.distance_mpc, given.distance_std_mpc, given.counts)


def _rows(singles: Sequence[SingleNeutrino], event_p_text: str) -> tuple[Row, ...]:
    return tuple(
        Row(
            number=number,
            i3event=one.i3event,
            dt_s=one.dt,
            ra_deg=one.ra,
            dec_deg=one.dec,
            sigma_deg=one.sigma,
            energy_gev=one.energy,
            kind=one.type,
            log_odds=one.log_odds_ratio,
            p_value=one.own_p_value,
            p_text=p_for_people(one.own_p_value, event_p_text),
        )
        for number, one in enumerate(singles, start=1)
    )
