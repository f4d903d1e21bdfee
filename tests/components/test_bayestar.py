"""BAYESTAR itself on what a simulated search measured, beside the fast localiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.studies.test_simulation import noise_curve

from llama.cli.main import main
from llama.formats.skymap import read_skymap
from llama.science.sky import centres, credible_area_deg2, credible_region, density_at, probability
from llama.studies.simulation.populations import draw_sources, population
from llama.studies.simulation.sources import INJECTION_HEADER, injection_lines

pytestmark = pytest.mark.component


def test_the_fast_localiser_and_bayestar_agree_on_the_same_injections(tmp_path: Path) -> None:
    pytest.importorskip("ligo.skymap")
    curves = [f"--asd={name}={noise_curve(tmp_path / f'{name}.txt')}" for name in ("H1", "L1", "V1")]
    kind = draw_sources(population("bns"), 1, 3, 0.02, np.random.default_rng(1))
    kind["distance"] = 40.0
    (tmp_path / "one.dat").write_text("\n".join([INJECTION_HEADER, *injection_lines(kind)]) + "\n")
    table = ["--injections", str(tmp_path / "one.dat"), "--duty-cycle", "1"]
    common = ["dev", "simulate", *table, "-j", "1", *curves]
    for localiser in ("fast", "bayestar"):
        assert main([*common, "--localiser", localiser, "-o", str(tmp_path / localiser)]) == 0
    fast, slow = tmp_path / "fast", tmp_path / "bayestar"
    assert (fast / "injections.dat").read_text() == (slow / "injections.dat").read_text()
    names = sorted(path.name for path in (slow / "allsky").iterdir())
    assert names == sorted(path.name for path in (fast / "allsky").iterdir())
    for name in names:
        ours, theirs = read_skymap(fast / "allsky" / name), read_skymap(slow / "allsky" / name)
        assert theirs.origin["CREATOR"] == "BAYESTAR" and ours.origin["CREATOR"] != "BAYESTAR"
        for level in (0.5, 0.9):
            area, expected = credible_area_deg2(ours, level), credible_area_deg2(theirs, level)
            assert area == pytest.approx(expected, rel=0.3)
        inside = credible_region(ours, 0.9)
        assert probability(ours)[inside & (density_at(theirs, *centres(ours)) > 0)].sum() > 0.85
        assert ours.distmean_mpc == pytest.approx(theirs.distmean_mpc, rel=0.05)
        assert ours.diststd_mpc == pytest.approx(theirs.diststd_mpc, rel=0.25)
    before = (slow / "allsky" / names[0]).read_bytes()
    assert main([*common, "--localiser", "bayestar", "-o", str(slow)]) == 0
    assert (slow / "allsky" / names[0]).read_bytes() == before
    assert np.isfinite(read_skymap(slow / "allsky" / names[0]).distmean_mpc or np.nan)
