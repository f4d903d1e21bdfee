"""What every other product asks about a gravitational-wave alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SkymapInfo:
    """The contents of `skymap_info.json`.

    Attributes:
        graceid: the superevent (or, before 2018, event) in GraceDB.
        event_id: our event, which is named after it.
        event_time: when the signal arrived, ISO 8601 UTC with Z.
        gps_time: the same in GPS seconds.
        notice_time: when the alert was written, ISO 8601 UTC with Z.
        far: false alarm rate, Hz; None when the alert gives none.
        pipeline, group, search: of the analysis that found it; empty when not given.
        instruments: detectors that contributed, `("H1", "L1")`; empty when not given (some O2 notices).
        alert_type: Preliminary, Initial, Update, EarlyWarning; empty when made from GraceDB.
        significant: whether the alert calls itself significant; None before O4, when alerts did not say.
        skymap_filename: its name in GraceDB, `bayestar.multiorder.fits,1`; None when the alert names none.
        gracedb_service_url: of the GraceDB that knows it.
        role: `test` for mock and test alerts.
    """

    graceid: str
    event_id: str
    event_time: str
    gps_time: float
    notice_time: str
    far: float | None
    pipeline: str
    group: str
    search: str
    instruments: tuple[str, ...]
    alert_type: str
    significant: bool | None
    skymap_filename: str | None
    gracedb_service_url: str
    role: Literal["test", "observation"]
