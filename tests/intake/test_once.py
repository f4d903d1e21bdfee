"""An alert is read once by whoever takes it in, and its map decoded twice from file to significance."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llama.analyses.gw_neutrino import SIGNIFICANCE
from llama.app import DEMO_ALERT, App, packaged
from llama.cli.main import main
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Claimed
from llama.engine.folder.store import SharedDigests
from llama.engine.graph.product import Product
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.messengers.gw import igwn, products, start
from llama.operate.update import bring_up_to_date


class Apart(Here):
    """Here, but each step reads for itself what a process of its own would."""

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        igwn.from_json.cache_clear()
        super().start(event, product, claim)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often JSON notices are parsed and sky maps of alerts decoded."""
    found: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        real = getattr(module, name)

        def counting(*given: Any) -> Any:
            found[name] += 1
            return real(*given)

        monkeypatch.setattr(module, name, counting)

    count(igwn, "notice_object")
    count(start, "read_skymap")
    count(products, "read_skymap")
    igwn.from_json.cache_clear()
    return found


@pytest.mark.slow
def test_from_file_to_significance(tmp_path: Path, counted: Counter[str]) -> None:
    alert = packaged(DEMO_ALERT)
    assert main(["skymap_info", "--alert", str(alert), "-d", str(tmp_path / "run"), "--flags", "DEFAULT"]) == 0
    assert counted == {"notice_object": 1, "read_skymap": 1}
    (path,) = (tmp_path / "run").glob("MS*")
    with App.read() as app:
        pipeline = app.pipeline().only([SIGNIFICANCE.name], ancestors=True)
        maker = Maker(pipeline, app, SharedDigests(app))
        bring_up_to_date([Event.open(path)], pipeline, app, Apart(maker))
    assert (path / SIGNIFICANCE.filename).exists()
    assert counted == {"notice_object": 2, "read_skymap": 2}
