"""Which of a superevent's files in GraceDB is its sky map, and which its classification."""

from __future__ import annotations

import pytest

from llama.messengers.gw.gracedb import classification_file, newest_skymap
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
