"""Pipelines with further messengers: gamma-ray bursts with and without neutrinos, optical transients."""

from __future__ import annotations

from typing import Any

from llama.analyses.gw_neutrino import (
    GW_NEUTRINO,
    NEUTRINOS,
    TRIGGER,
    taken_back,
)
from llama.analyses.joint import company_significance
from llama.analyses.result import blinds, marked, result_guard
from llama.analyses.tables import ICECUBE_EVENTS, ICECUBE_TABLES, SEARCHES
from llama.analyses.telling import joint_text
from llama.engine.errors import NotYet
from llama.engine.graph import Pipeline, Product, Step
from llama.formats.records import JsonObject, Text
from llama.messengers import Candidates, fermi, swift, ztf
from llama.messengers.gw.products import ALERT, DETAILS, GW_SKYMAP, P_ASTRO, SKYMAP_INFO
from llama.messengers.gw.retraction import RETRACTIONS, retracted
from llama.messengers.icecube.record import NeutrinoList
from llama.science.companions import listens


def joint_significance(
    name: str, filename: str, neutrinos: Product[NeutrinoList] | None, *candidates: Candidates[Any]
) -> Product[dict[str, Any]]:
    """The product of one combination of messengers beside the merger."""

    def make(step: Step) -> dict[str, Any]:
        info, p_astro = step[SKYMAP_INFO], step[P_ASTRO]
        neutrino_list = None if neutrinos is None else step[neutrinos]
        listenings = [listening for one in candidates if (listening := one.listen(step)) is not None]
        if (neutrino_list is None or neutrino_list.season is None) and not any(map(listens, listenings)):
            told = "; ".join(note for listening in listenings for note in listening.notes)
            # Nothing changes until a list does, and that is an input
            raise NotYet(f"no messenger has data for this event: {told}")
        result = company_significance(
            info=info,
            skymap=step[GW_SKYMAP],
            neutrinos=neutrino_list,
            p_astro=p_astro,
            tables=step[ICECUBE_TABLES],
            events=step[ICECUBE_EVENTS],
            searches=step[SEARCHES],
            listenings=listenings,
            retracted=retracted(step, info.graceid, info.role),
        )
        return marked(step, result)

    others: tuple[Product[Any], ...] = () if neutrinos is None else (neutrinos,)
    shared = tuple(table for one in candidates for table in one.shared)
    return Product(
        name=name,
        filename=filename,
        codec=JsonObject(),
        make=make,
        inputs=(SKYMAP_INFO, GW_SKYMAP, P_ASTRO, *others, *(one.product for one in candidates)),
        optional=RETRACTIONS,
        shared=(ICECUBE_TABLES, ICECUBE_EVENTS, SEARCHES, *shared),
        flags=("role",),
        guard=None if neutrinos is None else result_guard(filename),
        help="odds of a common source of " + ", ".join(filename.split("_")[2].removesuffix(".json").split("-")),
    )


def joint_table(result: Product[dict[str, Any]]) -> Product[str]:
    """The same for people, beside the file of the result."""

    def make(step: Step) -> str:
        found: dict[str, Any] = step[result]
        return joint_text(found, str(step.flag("role")), taken_back(step, found), blinded=blinds(step))

    return Product(
        name=f"{result.name}_TEXT",
        filename=result.filename.replace(".json", ".txt"),
        codec=Text(),
        make=make,
        inputs=(result,),
        optional=RETRACTIONS,
        flags=("role",),
        help=f"{result.filename} for people",
    )


FERMI = fermi.candidates(TRIGGER)
FERMI_GRBS = FERMI.product
SWIFT_GRBS = swift.bursts(TRIGGER)
ZTF = ztf.candidates(TRIGGER)

SIGNIFICANCE_GRB = joint_significance("SIGNIFICANCE_GRB", "significance_joint_lvc-fermi.json", None, FERMI)
SIGNIFICANCE_NEUTRINO_GRB = joint_significance(
    "SIGNIFICANCE_NEUTRINO_GRB", "significance_joint_lvc-i3-fermi.json", NEUTRINOS, FERMI
)
SIGNIFICANCE_NEUTRINO_ZTF = joint_significance(
    "SIGNIFICANCE_NEUTRINO_ZTF", "significance_joint_lvc-i3-ztf.json", NEUTRINOS, ZTF
)
SIGNIFICANCE_GRB_TEXT = joint_table(SIGNIFICANCE_GRB)
SIGNIFICANCE_NEUTRINO_GRB_TEXT = joint_table(SIGNIFICANCE_NEUTRINO_GRB)
SIGNIFICANCE_NEUTRINO_ZTF_TEXT = joint_table(SIGNIFICANCE_NEUTRINO_ZTF)

_GRB = (FERMI_GRBS, SIGNIFICANCE_GRB, SIGNIFICANCE_GRB_TEXT, SWIFT_GRBS)
GW_GRB = Pipeline("GW_GRB", (*ALERT, *_GRB, *DETAILS), aliases=("LVC_FERMI",))
GW_NEUTRINO_GRB = Pipeline(
    "GW_NEUTRINO_GRB",
    (*GW_NEUTRINO.products, *_GRB, SIGNIFICANCE_NEUTRINO_GRB, SIGNIFICANCE_NEUTRINO_GRB_TEXT),
    aliases=("LVC_I3_FERMI",),
)
GW_NEUTRINO_ZTF = Pipeline(
    "GW_NEUTRINO_ZTF",
    (*GW_NEUTRINO.products, ZTF.product, SIGNIFICANCE_NEUTRINO_ZTF, SIGNIFICANCE_NEUTRINO_ZTF_TEXT),
    aliases=("LVC_I3_ZTF",),
)
