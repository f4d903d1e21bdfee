"""Which of a superevent's files in GraceDB is its sky map, and which its classification."""

from __future__ import annotations

import pytest

from llama.messengers.gw.alert import skymap_info
from llama.messengers.gw.gracedb import classification_file, from_superevent, newest_skymap
from llama.ports import StoredFile


def stored(*names: str, tags: tuple[str, ...] = ("sky_loc", "public")) -> list[StoredFile]:
    """In this order; `NAME,VERSION`, or version 0."""
    found = []
    for k, name in enumerate(names):
        stem, _, version = name.partition(",")
        found.append(StoredFile(stem, int(version or 0), f"2026-01-01T00:00:{k:02}Z", tags))
    return found


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([], None),
        (["bayestar.png", "p_astro.json", "coinc.xml"], None),
        (["bayestar.multiorder.fits"], "bayestar.multiorder.fits,0"),
        (["bayestar.multiorder.fits", "bayestar.multiorder.fits,1"], "bayestar.multiorder.fits,1"),
        # the flat form is made of the multi-order one later, and is not a more recent map
        (["bayestar.multiorder.fits", "bayestar.fits.gz"], "bayestar.multiorder.fits,0"),
        (["bayestar.multiorder.fits", "bayestar.fits.gz", "Bilby.multiorder.fits"], "Bilby.multiorder.fits,0"),
        (["bayestar.fits.gz", "LALInference.fits.gz"], "LALInference.fits.gz,0"),
        (["Bilby.fits", "bayestar.multiorder.fits"], "bayestar.multiorder.fits,0"),
        # RAVEN's maps of a merger and a burst together
        (["bayestar.multiorder.fits", "combined-ext.multiorder.fits"], "bayestar.multiorder.fits,0"),
        (["cwb.multiorder.fits,0", "cwb.multiorder.fits,1", "cwb.multiorder.fits,2"], "cwb.multiorder.fits,2"),
    ],
)
def test_the_most_recent_map(names: list[str], chosen: str | None) -> None:
    found = newest_skymap(stored(*names))
    assert (found.canonical if found else None) == chosen


def test_what_is_filed_under_the_sky_goes_first() -> None:
    files = [*stored("bayestar.fits.gz"), *stored("a", "noise.fits", tags=("public",))]
    found = newest_skymap(files)
    assert found is not None and found.name == "bayestar.fits.gz"
    found = newest_skymap(stored("noise.fits", tags=()))
    assert found is not None, "before files were tagged"


@pytest.mark.parametrize(
    ("labels", "significant"),
    [
        ([], None),
        (["EM_READY", "PASTRO_READY"], None),
        (["LOW_SIGNIF_LOCKED"], False),
        (["LOW_SIGNIF_LOCKED", "SIGNIF_LOCKED"], True),
        (None, None),
    ],
)
def test_labels_say_whether_it_is_significant(labels: list[str] | None, significant: bool | None) -> None:
    """Else false alarms of one of low significance would be counted among the fewer significant ones."""
    record = {
        "superevent_id": "S240513ei",
        "t_0": 1399630000.5,
        "created": "2024-05-13 10:06:51 UTC",
        "labels": labels,
        "preferred_event_data": {"group": "CBC", "pipeline": "gstlal", "search": "AllSky", "instruments": "H1,L1"},
        "links": {"self": "https://gracedb.ligo.org/api/superevents/S240513ei/"},
    }
    assert skymap_info(from_superevent(record), "S240513ei").significant is significant


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([], None),
        (["p_astro.json", "p_astro.json,1"], "p_astro.json,1"),
        (["pycbc.p_astro.json", "gstlal.p_astro.json"], "gstlal.p_astro.json,0"),
        (["p_astro.json", "gstlal.p_astro.json"], "p_astro.json,0"),
        (["pycbc.p_astro.json"], None),
    ],
)
def test_the_classification(names: list[str], chosen: str | None) -> None:
    found = classification_file(stored(*names), {"preferred_event_data": {"pipeline": "GstLAL"}})
    assert (found.canonical if found else None) == chosen
