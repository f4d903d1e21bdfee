"""Neutrino lists of a study as files that the pipeline takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.typed import typed

from llama.formats.records import Record
from llama.messengers.icecube.record import NeutrinoList


@pytest.mark.slow
def test_background_lists_are_named_and_whole(tmp_path: Path) -> None:
    words = ("dev", "neutrinos", "background", "-d", tmp_path, "-p", "bns", "--gps", "1187008882.4")
    typed(*words, "-n", "30", "-j", 1, home=tmp_path)
    names = (tmp_path / "bklist_names.txt").read_text().splitlines()
    assert len(names) == 30 == len(list((tmp_path / "bklist").glob("*.json")))
    lists = [Record(NeutrinoList).read(tmp_path / "bklist" / f"{name}.json") for name in names]
    assert all(one.complete and one.invented and one.season == "IC86-2011" for one in lists)
    assert {(one.start_gps + one.stop_gps) / 2 for one in lists} == {1187008882.4}
    assert len({one.neutrinos for one in lists}) > 25
    before = (tmp_path / "bklist" / f"{names[3]}.json").read_bytes()
    typed(*words, "-n", "40", home=tmp_path)
    assert (tmp_path / "bklist" / f"{names[3]}.json").read_bytes() == before, "more lists change none"
    assert len((tmp_path / "bklist_names.txt").read_text().splitlines()) == 40
    for other in (("--seed", "2"), ("-s", "IC86-2012")):
        said = typed(*words, "-n", "5", *other, home=tmp_path, status=1)
        assert "background-0.json has other neutrinos" in said
    assert (tmp_path / "bklist" / f"{names[3]}.json").read_bytes() == before


@pytest.mark.slow
def test_signal_lists_are_those_of_the_trials(data: Path, tmp_path: Path) -> None:
    maps = data / "skymaps/mock_and_sim/local_bayestar"
    (tmp_path / "maps.csv").write_text(f"{(maps / '0.fits').resolve()}\n/no/such/map.fits\n")
    words = (tmp_path / "maps.csv", "-d", tmp_path, "-p", "bns", "-n", "6")
    said = typed("dev", "neutrinos", "doublet", *words, home=tmp_path, status=1)
    assert "3 lists in" in said and "/no/such/map.fits" in said
    typed(
        "dev", "trials", "doublet", *words, "--depth", "pipeline", "--own-lists", 20, "-j", 1, home=tmp_path, status=1
    )
    events = sorted((tmp_path / "signal-doublet-events").iterdir())
    assert len(events) == 3
    for event in events:
        alone = tmp_path / "signal-doublet-neutrinos" / f"{event.name}.json"
        assert alone.read_bytes() == (event / "icecube_neutrino_list.json").read_bytes()
    truths = (tmp_path / "signal-doublet-neutrinos" / "injections.csv").read_text().splitlines()
    assert len(truths) == 4 and truths[0].startswith("trial,skymap,gps,ra_deg,dec_deg,distance_mpc")
    assert "give LISTFILE" in typed("dev", "neutrinos", "signal", "-p", "bns", home=tmp_path, status=2)
