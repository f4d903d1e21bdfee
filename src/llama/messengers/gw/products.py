"""The files of a gravitational-wave event: what was received, and what is learnt from it."""

from __future__ import annotations

from typing import Any

from llama.engine.graph import Product, Step
from llama.formats.records import JsonObject, Raw
from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.messengers.gw.alert import Alert, Notice, event_data, p_astro, skymap_bytes, skymap_info
from llama.messengers.gw.igwn import from_json
from llama.messengers.gw.internal import ADVOK_FILE, LVALERT_FILE, from_internal
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.record_file import SkymapInfoFile
from llama.messengers.gw.voevents import from_voevent
from llama.science.sky import SkyMap, mean_distance

IGWN_ALERT = Product(
    name="IGWN_ALERT",
    filename="igwn_alert.json",
    codec=Notice(from_json),
    aliases=("IgwnAlert", "LvcAlertJSON"),
    help="the igwn.gwalert notice as received, sky map included",
)
LVC_GCN = Product(
    name="LVC_GCN",
    filename="lvc_gcn.xml",
    codec=Notice(from_voevent),
    aliases=("LvcGcnXml",),
    help="the VOEvent as received",
)
LVALERT = Product(
    name="LVALERT",
    filename=LVALERT_FILE,
    codec=Notice(from_internal),
    aliases=("LvAlertJSON",),
    help="the superevent as GraceDB told its members last",
)
ADVOK = Product(
    name="ADVOK",
    filename=ADVOK_FILE,
    codec=JsonObject(),
    aliases=("LVAlertAdvok",),
    help="GraceDB's message to its members that advocates found the event good",
)
IGWN_RETRACTION = Product(
    name="IGWN_RETRACTION",
    filename="igwn_retraction.json",
    codec=Notice(from_json),
    aliases=("IgwnRetraction",),
    help="the igwn.gwalert notice that took the event back",
)
LVC_RETRACTION = Product(
    name="LVC_RETRACTION",
    filename="lvc_gcn_retraction.xml",
    codec=Notice(from_voevent),
    aliases=("LvcRetractionXml",),
    help="the VOEvent that took the event back",
)
FLAT_SKYMAP = Product(
    name="FLAT_SKYMAP",
    filename="lvc_skymap.fits.gz",
    codec=Raw(),
    aliases=("LvcSkymapFits", "SkymapFits"),
    help="a sky map of one resolution put there by hand, source of the multi-order one",
)


def _alert(step: Step) -> Alert:
    """The event's alert; the JSON notice says most, so it goes first where there are several."""
    return step.get(IGWN_ALERT) or step.get(LVC_GCN) or step[LVALERT]


def make_skymap_info(step: Step) -> SkymapInfo:
    """The record of the alert, named after this event."""
    return skymap_info(_alert(step), step.event_id)


SKYMAP_INFO: Product[SkymapInfo] = Product(
    name="SKYMAP_INFO",
    filename="skymap_info.json",
    codec=SkymapInfoFile(),
    make=make_skymap_info,
    any_of=(IGWN_ALERT, LVC_GCN, LVALERT),
    aliases=("SkymapInfo",),
    help="which event, when, how significant, which sky map",
)


def make_event_data(step: Step) -> dict[str, Any]:
    """The alert's description of the event, without the maps."""
    return event_data(_alert(step))


EVENT_DATA: Product[dict[str, Any]] = Product(
    name="EVENT_DATA",
    filename="lvc_gracedb_event_data.json",
    codec=JsonObject(),
    make=make_event_data,
    any_of=(IGWN_ALERT, LVC_GCN, LVALERT),
    aliases=("LvcGraceDbEventData",),
    help="the event as the alert or GraceDB describes it: SNR, detectors, properties, classification",
)


def make_p_astro(step: Step) -> dict[str, Any]:
    """Source class probabilities; an empty object when the alert gives none."""
    return dict(p_astro(_alert(step)))


P_ASTRO: Product[dict[str, Any]] = Product(
    name="P_ASTRO",
    filename="p_astro.json",
    codec=JsonObject(),
    make=make_p_astro,
    any_of=(IGWN_ALERT, LVC_GCN, LVALERT),
    aliases=("PAstro",),
    help="probability of each source class: BNS, NSBH, BBH, (MassGap), Terrestrial; {} when the alert gives none",
)


def make_skymap(step: Step) -> SkyMap:
    """The map, multi-order: one put there by hand before the alert's own.

    A VOEvent only names its map. NoSkyMap then says how to bring it.
    """
    if FLAT_SKYMAP.key in step.inputs:
        return read_skymap(step.path(FLAT_SKYMAP))
    return read_skymap(skymap_bytes(_alert(step)))


GW_SKYMAP: Product[SkyMap] = Product(
    name="GW_SKYMAP",
    filename="lvc_skymap.multiorder.fits",
    codec=MultiOrderFits(),
    make=make_skymap,
    any_of=(FLAT_SKYMAP, IGWN_ALERT, LVC_GCN),
    aliases=("LvcSkymap", "LvcSkymapHdf5"),
    help="the sky map, multi-order",
)


def make_distances(step: Step) -> dict[str, Any]:
    """Mean and standard deviation of the distance over the whole map; null when the map has none."""
    found = mean_distance(step[GW_SKYMAP])
    mean, std = found if found else (None, None)
    return {"distmean": mean, "diststd": std}


SKYMAP_DISTANCES: Product[dict[str, Any]] = Product(
    name="SKYMAP_DISTANCES",
    filename="lvc_skymap_distances.json",
    codec=JsonObject(),
    make=make_distances,
    inputs=(GW_SKYMAP,),
    aliases=("LvcSkymapDistances", "LvcDistancesJson"),
    help="mean distance and its standard deviation, Mpc",
)

ALERT = (
    IGWN_ALERT,
    LVC_GCN,
    LVALERT,
    ADVOK,
    IGWN_RETRACTION,
    LVC_RETRACTION,
    FLAT_SKYMAP,
    SKYMAP_INFO,
    GW_SKYMAP,
    P_ASTRO,
)
"""What the numbers are made from."""

DETAILS = (SKYMAP_DISTANCES, EVENT_DATA)
"""What people read; it does not keep the numbers waiting."""

PRODUCTS = (*ALERT, *DETAILS)
