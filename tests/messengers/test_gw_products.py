"""The gravitational-wave products, made one by one from real notices and maps."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llama.engine.errors import DecodeError
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Step
from llama.flags import Flags
from llama.formats.errors import NoSkyMap, NoticeError
from llama.formats.skymap import read_skymap
from llama.messengers.gw import MESSENGER
from llama.messengers.gw.products import (
    EVENT_DATA,
    FLAT_SKYMAP,
    GW_SKYMAP,
    IGWN_ALERT,
    LVC_GCN,
    P_ASTRO,
    SKYMAP_DISTANCES,
    SKYMAP_INFO,
)
from llama.science.sky import SkyMap, credible_area_deg2

BURST = "igwn_json/lfa_S2468-1-initial_cWB_SNEWS.json"
BNS = "igwn_json/igwn_gwalert_preliminary.json"
O3 = "lvk_voevent/S190425z_initial.xml"


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Makes a product from files, writes it, and gives the file and what it reads back as."""

    def made(product: Product[Any], inputs: dict[Product[Any], bytes]) -> tuple[Path, Any]:
        folder = tmp_path / f"{random.random()}"
        folder.mkdir()
        paths = {}
        for item, content in inputs.items():
            paths[item.key] = folder / item.filename
            paths[item.key].write_bytes(content)
        step = Step(
            product=product,
            event_id="S1",
            _flags=Flags(),
            now=datetime(2026, 6, 5, tzinfo=UTC),
            scratch=folder,
            _connect=lambda key: None,
            inputs=paths,
        )
        assert product.make is not None
        path = folder / product.filename
        product.codec.write(product.make(step), path)
        return path, product.codec.read(path)

    return made


def test_they_form_a_pipeline() -> None:
    pipeline = Pipeline("gw", MESSENGER.products)
    assert pipeline.find("SkymapInfo") is SKYMAP_INFO
    assert pipeline.find("lvc_skymap.multiorder.fits") is GW_SKYMAP
    assert all(product.help for product in pipeline)


def test_skymap_info(data: Path, make: Any) -> None:
    path, info = make(SKYMAP_INFO, {IGWN_ALERT: (data / "notices" / BNS).read_bytes()})
    assert info.event_id == "S1"
    written = json.loads(path.read_bytes())
    assert written == {
        "graceid": "MS260605l",
        "event_id": "S1",
        "event_time": "2026-06-05T11:57:26.395Z",
        "gps_time": 1464695864.395,
        "notice_time": "2026-06-05T12:01:07Z",
        "far": 5.176954877338635e-16,
        "pipeline": "gstlal",
        "group": "CBC",
        "search": "MDC",
        "instruments": ["H1", "L1", "V1"],
        "alert_type": "Preliminary",
        "significant": True,
        "skymap_filename": "bayestar.multiorder.fits",
        "gracedb_service_url": "https://gracedb.ligo.org/api/",
        "role": "test",
    }


def test_the_json_notice_goes_before_the_voevent(data: Path, make: Any) -> None:
    both = {LVC_GCN: (data / "notices" / O3).read_bytes(), IGWN_ALERT: (data / "notices" / BNS).read_bytes()}
    assert make(SKYMAP_INFO, both)[1].graceid == "MS260605l"
    assert make(SKYMAP_INFO, {LVC_GCN: both[LVC_GCN]})[1].graceid == "S190425z"


def test_p_astro(data: Path, make: Any) -> None:
    classes = make(P_ASTRO, {LVC_GCN: (data / "notices" / O3).read_bytes()})[1]
    assert classes["Terrestrial"] == 0.00059743288626
    assert make(P_ASTRO, {IGWN_ALERT: (data / "notices" / BURST).read_bytes()})[1] == {}


def test_event_data(data: Path, make: Any) -> None:
    path, found = make(EVENT_DATA, {IGWN_ALERT: (data / "notices" / BURST).read_bytes()})
    assert found["external_coinc"]["observatory"] == "SNEWS"
    assert path.stat().st_size < 2000


@pytest.mark.parametrize(
    ("notice", "area", "distance"),
    [
        (BNS, 7.8, (39.6, 6.0)),
        (BURST, 52.7, None),
        ("igwn_json/lfa_S5678-2-update_GW170814map_extcoinc.json", 61.7, (522, 102)),
    ],
)
def test_embedded_map(data: Path, make: Any, notice: str, area: float, distance: tuple[float, float] | None) -> None:
    """Areas and distances as data/README.md gives them."""
    path, skymap = make(GW_SKYMAP, {IGWN_ALERT: (data / "notices" / notice).read_bytes()})
    assert credible_area_deg2(skymap, 0.9) == pytest.approx(area, abs=0.1)
    found = make(SKYMAP_DISTANCES, {GW_SKYMAP: path.read_bytes()})[1]
    if distance is None:
        assert found == {"distmean": None, "diststd": None}
    else:
        assert (found["distmean"], found["diststd"]) == pytest.approx(distance, rel=0.01)


@pytest.mark.slow
def test_flat_map_by_hand_goes_before_the_alerts_own(data: Path, make: Any) -> None:
    flat = (data / "skymaps" / "events" / "S190425z_bayestar_G330561.fits.gz").read_bytes()
    alert = (data / "notices" / BNS).read_bytes()
    skymap: SkyMap = make(GW_SKYMAP, {IGWN_ALERT: alert, FLAT_SKYMAP: flat})[1]
    assert credible_area_deg2(skymap, 0.9) == pytest.approx(10183, rel=1e-3)
    assert credible_area_deg2(read_skymap(flat), 0.9) == pytest.approx(credible_area_deg2(skymap, 0.9))


def test_voevent_alone_says_how_to_bring_a_map(data: Path, make: Any) -> None:
    with pytest.raises(NoSkyMap, match="llama skymap_info --skymap FILE"):
        make(GW_SKYMAP, {LVC_GCN: (data / "notices" / O3).read_bytes()})


def test_a_notice_of_another_observatory_in_the_event(data: Path, make: Any) -> None:
    with pytest.raises((DecodeError, NoticeError), match="Fermi"):
        make(SKYMAP_INFO, {LVC_GCN: (data / "notices" / "fermi" / "fermi_final_gcn.xml").read_bytes()})


def test_a_received_notice_is_written_as_it_came(data: Path, tmp_path: Path) -> None:
    raw = (data / "notices" / O3).read_bytes()
    (tmp_path / "in").write_bytes(raw)
    LVC_GCN.codec.write(LVC_GCN.codec.read(tmp_path / "in"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == raw
