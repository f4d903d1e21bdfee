"""The main job: a gravitational-wave alert and the neutrinos around it, from the notice to the draft circular."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import llama
from llama.analyses.joint import MapInputs, averaged_skymap, most_significant_skymap
from llama.analyses.result import (
    BACKGROUND_FILENAME,
    BACKGROUND_GUARD,
    STATISTIC_FILENAME,
    STATISTIC_GUARD,
    STATISTIC_NUMBERS,
    BackgroundInputs,
    EventInputs,
    Statistic,
    StatisticNumbers,
    blinds,
    decoded,
    draw_background,
    is_test,
    marked,
    marks_of,
    measure,
    picture_guard,
    result_guard,
    result_inputs,
    significance,
    significance_subthreshold,
)
from llama.analyses.tables import ICECUBE_EVENTS, ICECUBE_TABLES, POPULATIONS, SEARCHES
from llama.analyses.telling import (
    Report,
    circular,
    coincidence_list,
    latex_table,
    notice,
    plain_list,
    read_report,
    scatterplot,
    summary,
)
from llama.engine.graph import Pipeline, Product, Step
from llama.formats.figures import PdfFigure, PngFigure
from llama.formats.own_background import OwnBackgroundFile
from llama.formats.pdf import Pdf
from llama.formats.records import JsonObject, Record, Text
from llama.formats.skymap import MultiOrderFits
from llama.messengers.gw.products import ALERT, DETAILS, GW_SKYMAP, P_ASTRO, SKYMAP_DISTANCES, SKYMAP_INFO
from llama.messengers.gw.retraction import RETRACTIONS, retracted
from llama.messengers.icecube.products import neutrino_list
from llama.messengers.icecube.record import NeutrinoList
from llama.science.significance import OwnBackground
from llama.science.sky import SkyMap

TRIGGER = SKYMAP_INFO.select("gps_time")
NEUTRINOS: Product[NeutrinoList] = neutrino_list(TRIGGER)


def _statistic(step: Step) -> Statistic:
    info, neutrinos, p_astro = step[SKYMAP_INFO], step[NEUTRINOS], step[P_ASTRO]
    marks = _marks(step, retracted(step, info.graceid, info.role))
    found = measure(info, step[GW_SKYMAP], neutrinos, p_astro, step[ICECUBE_TABLES], step[SEARCHES], marks)
    return replace(found, made_from=_digests(step, *_MEASURED))


def _marks(step: Step, when: str | None = None) -> tuple[str, ...]:
    """Of the alert and the neutrinos; `when` it was taken back."""
    info = step[SKYMAP_INFO]
    inputs = decoded(result_inputs(info, None, step[NEUTRINOS]))
    role = str(step.flag("role"))
    return marks_of({"inputs": inputs, "graceid": info.graceid}, role=role, retracted=when, blinded=blinds(step))


_MEASURED = (SKYMAP_INFO, GW_SKYMAP, NEUTRINOS, P_ASTRO)


def _digests(step: Step, *products: Product[Any]) -> dict[str, str]:
    """Of files as the step is given them."""
    return {
        product.filename: hashlib.sha256(step.path(product).read_bytes()).hexdigest()[:16] for product in products
    }


def _measured(step: Step, *products: Product[Any]) -> Statistic:
    """The statistic, if these files are those it was made from."""
    step[STATISTIC].check_files(_digests(step, *products))
    return step[STATISTIC]


STATISTIC: Product[Statistic] = Product(
    name="STATISTIC",
    filename=STATISTIC_FILENAME,
    codec=Record(Statistic),
    make=_statistic,
    inputs=_MEASURED,
    optional=RETRACTIONS,
    shared=(ICECUBE_TABLES, SEARCHES),
    flags=("role",),
    guard=STATISTIC_GUARD,
    help="the statistic's numbers, from which both significance files are written",
)


_NUMBERS = STATISTIC.select(*STATISTIC_NUMBERS)
"""What a retraction leaves as it is, so that it draws nothing anew."""


def _background(step: Step) -> OwnBackground:
    statistic = StatisticNumbers.of_part(step[_NUMBERS])
    statistic.check_files(_digests(step, *_MEASURED))
    return draw_background(
        BackgroundInputs(
            info=step[SKYMAP_INFO],
            skymap=step[GW_SKYMAP],
            neutrinos=step[NEUTRINOS],
            p_astro=step[P_ASTRO],
            statistic=statistic,
            tables=step[ICECUBE_TABLES],
            events=step[ICECUBE_EVENTS],
            searches=step[SEARCHES],
            marks=_marks(step),
        )
    )


BACKGROUND: Product[OwnBackground] = Product(
    name="BACKGROUND",
    filename=BACKGROUND_FILENAME,
    codec=OwnBackgroundFile(),
    make=_background,
    inputs=(_NUMBERS, *_MEASURED),
    shared=(ICECUBE_TABLES, ICECUBE_EVENTS, SEARCHES),
    flags=("role",),
    guard=BACKGROUND_GUARD,
    help="what unrelated neutrinos would look like beside this alert's own map, for the p-values",
)


def _event_inputs(step: Step) -> EventInputs:
    info = step[SKYMAP_INFO]
    return EventInputs(
        info=info,
        neutrinos=step[NEUTRINOS],
        statistic=_measured(step, *_MEASURED),
        tables=step[ICECUBE_TABLES],
        searches=step[SEARCHES],
        populations=step[POPULATIONS],
        background=step[BACKGROUND],
        retracted=retracted(step, info.graceid, info.role),
    )


_MADE_FROM = (BACKGROUND, STATISTIC, *_MEASURED)
"""Of both significance files: also what the statistic is made from, which is all that files of earlier versions know
of, so that they too are made again when it changes."""

SIGNIFICANCE: Product[dict[str, Any]] = Product(
    name="SIGNIFICANCE",
    filename="significance_opa_lvc-i3.json",
    codec=JsonObject(),
    make=lambda step: marked(step, significance(_event_inputs(step))),
    inputs=_MADE_FROM,
    optional=RETRACTIONS,
    shared=(ICECUBE_TABLES, SEARCHES, POPULATIONS),
    flags=("role",),
    guard=result_guard("significance_opa_lvc-i3.json"),
    aliases=("CoincSignificanceI3Lvc", "CoincSignificanceOpaI3Lvc"),
    help="odds and p-value, per neutrino and for the event, with every parameter",
)


SIGNIFICANCE_SUBTHRESHOLD: Product[dict[str, Any]] = Product(
    name="SIGNIFICANCE_SUBTHRESHOLD",
    filename="significance_subthreshold_lvc-i3.json",
    codec=JsonObject(),
    make=lambda step: marked(step, significance_subthreshold(_event_inputs(step))),
    inputs=_MADE_FROM,
    optional=RETRACTIONS,
    shared=(ICECUBE_TABLES, SEARCHES, POPULATIONS),
    flags=("role",),
    guard=result_guard("significance_subthreshold_lvc-i3.json"),
    aliases=("CoincSignificanceSubthresholdI3Lvc",),
    help="odds and p-value of the whole neutrino list in the exact form, for alerts of low significance",
)
RESULTS = (SIGNIFICANCE, SIGNIFICANCE_SUBTHRESHOLD)
"""Every alert has both; what people read is made from the headline."""


def headline(step: Step) -> dict[str, Any]:
    """The result that the alert's significance chooses: the public-alert search's unless the other says it is it."""
    exact = step[SIGNIFICANCE_SUBTHRESHOLD]
    return exact if exact["headline"] else step[SIGNIFICANCE]


def taken_back(step: Step, result: dict[str, Any]) -> str | None:
    """When the event of a result was taken back, for a step that declares RETRACTIONS: a result that was adopted or
    locked does not know it."""
    alert = result["inputs"]["gw_skymap_info"]
    return retracted(step, str(alert["graceid"]), str(alert["role"]))


def _report(step: Step) -> Report:
    result = headline(step)
    return read_report(result, role=str(step.flag("role")), retracted=taken_back(step, result), blinded=blinds(step))


def _neutrino_text(step: Step) -> str:
    info = step[SKYMAP_INFO]
    return plain_list(
        step[NEUTRINOS],
        info.event_id,
        info.gps_time,
        info.event_time,
        retracted=retracted(step, info.graceid, info.role),
        test=is_test(str(step.flag("role")), info.role, info.graceid),
        blinded=blinds(step),
    )


NEUTRINO_TEXT: Product[str] = Product(
    name="NEUTRINO_TEXT",
    filename="icecube_neutrino_list.txt",
    codec=Text(),
    make=_neutrino_text,
    inputs=(SKYMAP_INFO, NEUTRINOS),
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("IceCubeNeutrinoListTxt",),
    help="the neutrino list for people",
)
COINCIDENCE_TEXT: Product[str] = Product(
    name="COINCIDENCE_TEXT",
    filename="icecube_neutrino_list_coinc.txt",
    codec=Text(),
    make=lambda step: coincidence_list(_report(step)),
    inputs=RESULTS,
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("IceCubeNeutrinoListCoincTxt",),
    help="the same with odds and p-values",
)
COINCIDENCE_TEX: Product[str] = Product(
    name="COINCIDENCE_TEX",
    filename="IceCubeNeutrinoList.tex",
    codec=Text(),
    make=lambda step: latex_table(_report(step)),
    inputs=RESULTS,
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("IceCubeNeutrinoListTex",),
    help="the same as a LaTeX table",
)
NOTICE: Product[dict[str, Any]] = Product(
    name="NOTICE",
    filename="lvk_nu_track_search.json",
    codec=JsonObject(),
    make=lambda step: notice(_report(step)),
    inputs=RESULTS,
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("LvkNuTrackSearch",),
    help="the result in the GCN schema of that name",
)
CIRCULAR: Product[str] = Product(
    name="CIRCULAR",
    filename="gcn_circular_draft.txt",
    codec=Text(),
    make=lambda step: circular(_report(step)),
    inputs=RESULTS,
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("GcnCircularDraft", "RctSlkLmaCircular"),
    help="a draft circular; a person sends it",
)


def _joint_inputs(step: Step) -> MapInputs:
    result = headline(step)
    return MapInputs(
        significance=result,
        statistic=_measured(step, GW_SKYMAP, NEUTRINOS),
        skymap=step[GW_SKYMAP],
        neutrinos=step[NEUTRINOS],
        tables=step[ICECUBE_TABLES],
        searches=step[SEARCHES],
        retracted=taken_back(step, result),
        blinded=blinds(step),
    )


JOINT_SKYMAP: Product[SkyMap] = Product(
    name="JOINT_SKYMAP",
    filename="skymap_lvc-i3.multiorder.fits",
    codec=MultiOrderFits(),
    make=lambda step: averaged_skymap(_joint_inputs(step), str(step.flag("role")), llama.__version__),
    inputs=(*RESULTS, STATISTIC, GW_SKYMAP, NEUTRINOS),
    optional=RETRACTIONS,
    shared=(ICECUBE_TABLES, SEARCHES),
    flags=("role",),
    aliases=("JointSkymapI3Lvc",),
    help="sky map of the source, averaged over which neutrinos come from it",
)
JOINT_SKYMAP_MOST_SIGNIFICANT: Product[SkyMap] = Product(
    name="JOINT_SKYMAP_MOST_SIGNIFICANT",
    filename="skymap_lvc-i3_most_significant.multiorder.fits",
    codec=MultiOrderFits(),
    make=lambda step: most_significant_skymap(_joint_inputs(step), str(step.flag("role")), llama.__version__),
    inputs=(*RESULTS, STATISTIC, GW_SKYMAP, NEUTRINOS),
    optional=RETRACTIONS,
    shared=(ICECUBE_TABLES, SEARCHES),
    flags=("role",),
    aliases=("JointSkymapMostSignificantI3Lvc",),
    help="sky map of the source if the most significant neutrino comes from it",
)


def _scatterplot(step: Step) -> Any:
    return scatterplot(_report(step), step[GW_SKYMAP], llama.__version__)


PLOT_PNG: Product[Any] = Product(
    name="PLOT_PNG",
    filename="scatterplot_lvc-i3.png",
    codec=PngFigure(),
    make=_scatterplot,
    inputs=(*RESULTS, GW_SKYMAP),
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("ScatterplotI3Lvc", "ScatterplotLvcI3Png"),
    help="the joint sky map",
)
PLOT_PDF: Product[Any] = Product(
    name="PLOT_PDF",
    filename="scatterplot_lvc-i3.pdf",
    guard=picture_guard("scatterplot_lvc-i3.pdf"),
    codec=PdfFigure(),
    make=_scatterplot,
    inputs=(*RESULTS, GW_SKYMAP),
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("ScatterplotLvcI3Pdf",),
    help="the joint sky map, for print",
)


def _summary(step: Step) -> bytes:
    plot, distance, classification = step[PLOT_PDF], step[SKYMAP_DISTANCES], step[P_ASTRO]
    return summary(_report(step), plot, llama.__version__, distance=distance, classification=classification)


SUMMARY: Product[bytes] = Product(
    name="SUMMARY",
    filename="summary_lvc-I3.pdf",
    codec=Pdf(),
    make=_summary,
    inputs=(*RESULTS, PLOT_PDF, SKYMAP_DISTANCES, P_ASTRO),
    optional=RETRACTIONS,
    flags=("role",),
    aliases=("CoincSummaryI3LvcPdf",),
    help="one page: plot, table, odds, p-value, parameters",
)

GW_NEUTRINO = Pipeline(
    "GW_NEUTRINO",
    (
        NEUTRINOS,  # before the rest of the alert: its source takes longer
        *ALERT,
        STATISTIC,
        BACKGROUND,
        SIGNIFICANCE,
        SIGNIFICANCE_SUBTHRESHOLD,
        *DETAILS,
        NOTICE,
        COINCIDENCE_TEXT,
        CIRCULAR,
        NEUTRINO_TEXT,
        COINCIDENCE_TEX,
        JOINT_SKYMAP,
        JOINT_SKYMAP_MOST_SIGNIFICANT,
        PLOT_PDF,
        PLOT_PNG,
        SUMMARY,
    ),
    aliases=("DEFAULT", "LVC_I3"),
)
