"""Through the engine: both files for every alert, and what people read made from the one that is the headline."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from significance_examples import SEARCHES, SEASON

from llama.analyses.gw_neutrino import CIRCULAR, COINCIDENCE_TEXT, NOTICE, RESULTS
from llama.analyses.result.pvalues import conditions
from llama.analyses.telling.reading import read_report
from llama.analyses.telling.summary_page import page
from llama.app import DEMO_ALERT, App, packaged
from llama.engine.folder.run import Delivery, Run
from llama.flags import Flags
from llama.formats.populations import PopulationsFile
from llama.formats.searches import SearchesFile
from llama.messengers.gw.start import Given, start
from llama.operate.update import bring_up_to_date
from llama.science.significance import BackgroundTable, Populations

SHARE_ABOVE = {"opa": 0.5, "subthreshold": 0.25}
"""Of each search's background, so that the p-value says which file a text was made from."""


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, significant: Any) -> Path:
    search = SEARCHES.choose("bns").search
    fitting = asdict(conditions(search, SEASON, "map")) | {"rate_hz": SEASON.rate_hz, "provenance": "a test"}
    tables = {}
    for search_type, share in SHARE_ABOVE.items():
        name = f"{search_type}/bns/{search.run}/H1L1V1/{SEASON.name}"
        tables[name] = BackgroundTable(
            name, np.repeat([0.0, 1.0], [round(100 * (1 - share)), round(100 * share)]), **fitting
        )
    PopulationsFile().write(Populations(tables), folder / "populations.hdf5")
    monkeypatch.setenv("LLAMA_DATA_DIR", str(folder))
    monkeypatch.setenv("LLAMA_POPULATIONS", str(folder / "populations.hdf5"))
    SearchesFile().write(SEARCHES, folder / "search.json")
    monkeypatch.setenv("LLAMA_SEARCH", str(folder / "search.json"))
    alert = json.loads(packaged(DEMO_ALERT).read_bytes())
    alert["event"]["significant"] = significant
    app = App.read()
    begun = start(Given(alert=json.dumps(alert).encode()), app.gracedb)
    event = Run(app.settings.current_run).accept(Delivery(begun.event_id, begun.files, Flags(), "a test"))
    wanted = [product.name for product in (NOTICE, CIRCULAR, COINCIDENCE_TEXT)]
    bring_up_to_date([event], app.pipeline().only(wanted, ancestors=True), app)
    return event.path


@pytest.mark.slow
@pytest.mark.parametrize(("significant", "headline"), [(True, "opa"), (False, "subthreshold")])
def test_people_read_the_headline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, significant: bool, headline: str
) -> None:
    path = made(tmp_path, monkeypatch, significant)
    results = {one["search_type"]: one for one in (json.loads((path / p.filename).read_text()) for p in RESULTS)}
    assert {name: one["headline"] for name, one in results.items()} == {
        name: name == headline for name in ("opa", "subthreshold")
    }
    assert {name: one["p_value"] for name, one in results.items()} == SHARE_ABOVE
    assert json.loads((path / NOTICE.filename).read_text())["pval_bayesian"] == SHARE_ABOVE[headline]
    draft = " ".join((path / CIRCULAR.filename).read_text().split())
    assert f"p-value of {SHARE_ABOVE[headline]:.2f} " in draft
    assert ("low-significance" in draft) == (not significant)
    assert f"table {headline}/bns/" in (path / COINCIDENCE_TEXT.filename).read_text()
    shown = page(read_report(results[headline]), "1", None, None)
    p_astro = dict(shown["result"])["p_astro"]
    assert p_astro == "probability that the trigger is real: 0.990 from the alert, 0.990 with the neutrinos"
    assert ("sub-threshold" in shown["subtitle"]) == (headline == "subthreshold")
