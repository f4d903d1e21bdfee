"""Overlap integrals as machine code: the nodes of NumPy, and what happens where there is no machine code."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from release_events import read_events
from test_coincidence import CBC, SEASON, TRIGGER, isotropic, one, rough_map, several
from tests.needs import absent

from llama.formats.skymap import read_skymap
from llama.science.overlap import Steepness, log_integrals, overlap_nodes, quickest_log_integrals
from llama.science.search import Search
from llama.science.sky import SkyMap, circle, directions, probability
from llama.science.statistic import (
    Neutrinos,
    merger_host,
    prepare,
    single_log_b,
    single_terms,
)
from llama.science.statistic.lists import ListTerms

MAPS = (
    "events/S231206_G457564_bayestar.multiorder.fits",
    "events/GW170817_GWTC1.multiorder.fits",
    "events/S190814bv_5_LALInference.v1.fits.gz",
    "mock_and_sim/obsscen_m4opt_800.multiorder.fits",
    "grb/glg_healpix_all_bn180116026.fit",
)
MODES = ("auto", "pinned", "marginal")


@pytest.fixture
def machine() -> None:
    """Machine code, without which these tests would compare NumPy with itself."""
    if find_spec("numba") is None:
        absent("numba is not installed; install llama-astro[fast]")
    assert quickest_log_integrals() is not log_integrals


def some(data: Path, skymap: SkyMap, n: int = 60) -> Neutrinos:
    """Real events of the season anywhere in right ascension; half of them where the map is."""
    rng, events = np.random.default_rng(7), read_events(data, "IC86-2012")
    picked = events[rng.integers(0, len(events), n)]
    ra, dec = rng.uniform(0, 2 * np.pi, n), np.radians(picked[:, 1])
    weight = probability(skymap)
    x, y, z = directions(skymap)[rng.choice(weight.size, n // 2, p=weight / weight.sum())].T
    ra[::2], dec[::2] = np.arctan2(y, x) % (2 * np.pi), np.arcsin(z)
    gps = TRIGGER.gps_s + rng.uniform(-520, 520, n)
    return Neutrinos(gps, ra, dec, np.radians(picked[:, 2]), 10 ** picked[:, 0])


def both(skymap: SkyMap, neutrinos: Neutrinos, search: Search) -> tuple[np.ndarray, np.ndarray]:
    """ln B by NumPy and by machine code."""
    terms = ListTerms.of(prepare(skymap, TRIGGER, SEASON, search), TRIGGER, neutrinos, SEASON, search)
    return terms.log_b, single_log_b(terms.host, terms.candidates, SEASON)


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("mode", MODES)
def test_machine_code_gives_what_numpy_gives_on_real_maps(data: Path, name: str, mode: str) -> None:
    skymap = read_skymap(data / "skymaps" / name)
    slow, fast = both(skymap, some(data, skymap), Search(distance_mode=mode))
    assert np.isfinite(slow).sum() > 40
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    "skymap", [isotropic(100.0, 20.0), isotropic(), rough_map(5), circle(1.0, -1.5, {1e-4: 1.0}, {})]
)
def test_it_does_so_for_any_error_energy_and_direction(skymap: SkyMap) -> None:
    rng, n = np.random.default_rng(3), 120
    dec = np.arcsin(np.append(rng.uniform(-1, 1, n - 4), [1.0, -1.0, 2 / 3, -2 / 3]))
    sigma, energy = np.radians(10 ** rng.uniform(-3, 1.7, n)), 10 ** rng.uniform(0, 9, n)
    ra = np.append(rng.uniform(0, 2 * np.pi, n - 4), [0, np.pi / 2, np.pi, 0])
    slow, fast = both(skymap, Neutrinos(np.full(n, TRIGGER.gps_s), ra, dec, sigma, energy), CBC)
    assert (slow == -np.inf).any()
    np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
def test_its_nodes_are_those_of_numpy(data: Path) -> None:
    from llama.science.overlap.machine.signal import walked

    ready = prepare(read_skymap(data / "skymaps" / MAPS[0]), TRIGGER, SEASON, CBC)
    known = ListTerms.of(ready, TRIGGER, some(data, rough_map(5)), SEASON, CBC).candidates
    tree, steepness = (
        ready.radial.weighted_tree(ready.tree, 1),
        Steepness.of(SEASON, known.rows, known.direction[:, 2]),
    )
    slow = overlap_nodes(tree, known.direction, known.sigma_rad, steepness)
    fast = walked(tree, known.direction, known.sigma_rad, known.rows, SEASON)
    for name in ("neutrino", "node", "part", "start"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    for name in ("direction", "log_weight", "middle", "reach"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), rtol=1e-12, atol=1e-10)


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
def test_no_more_code_is_made_than_when_it_was_tried() -> None:
    from llama.science.overlap.machine.declination import means_all, steepness_all
    from llama.science.overlap.machine.distances import log_q1_all, sums
    from llama.science.overlap.machine.walk import walk_all

    ready = prepare(rough_map(5), TRIGGER, SEASON, CBC)
    known = ListTerms.of(ready, TRIGGER, several(), SEASON, CBC).candidates
    locked = known.only(np.arange(3))
    for each in (ready.tree.centre, ready.tree.cell, locked.rows, locked.direction, locked.sigma_rad):
        each.setflags(write=False)
    turned = replace(known, rows=np.asfortranarray(known.rows), direction=np.asfortranarray(known.direction))
    for neutrinos in (locked, turned):
        assert np.isfinite(single_log_b(merger_host(ready, CBC), neutrinos, SEASON)).all()
    for code in (means_all, steepness_all, log_q1_all, sums, walk_all):
        assert len(code.signatures) == 1  # type: ignore[attr-defined]


def test_without_machine_code_it_is_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama.science.overlap.machine.signal", None)
    assert quickest_log_integrals.__wrapped__() is log_integrals


def test_no_neutrino_and_none_that_is_heard() -> None:
    ready = prepare(isotropic(100.0, 20.0), TRIGGER, SEASON, CBC)
    late = ListTerms.of(ready, TRIGGER, one(dt=5000.0), SEASON, CBC).candidates
    for neutrinos in (late, late.only(np.empty(0, np.int64))):
        found = single_log_b(merger_host(ready, CBC), neutrinos, SEASON, quick=False)
        np.testing.assert_array_equal(found, single_terms(merger_host(ready, CBC), neutrinos, SEASON).log_b)


@pytest.mark.usefixtures("machine")
@pytest.mark.slow
def test_where_nothing_can_be_kept_each_process_makes_its_own() -> None:
    from llama.science.overlap.machine.compiling import kept

    names: dict[str, object] = {}
    exec("def twice(x: float) -> float:\n    return 2 * x", names)  # of no file, so there is no folder for it
    twice = kept(names["twice"])  # type: ignore[type-var]
    assert twice(3.0) == 6.0


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("damage", [b"", b"none of it", None])
def test_what_is_kept_and_damaged_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    from llama.science.overlap.machine.compiling import first_call

    source = "from llama.science.overlap.machine.compiling import kept\n@kept\ndef twice(x):\n    return 2 * x\n"
    (tmp_path / "module_of_a_test.py").write_text(source)
    assert first_call(runpy.run_path(str(tmp_path / "module_of_a_test.py"))["twice"], 3.0) == 6.0
    (index,) = (tmp_path / "__pycache__").glob("*.nbi")
    whole = index.read_bytes()
    index.write_bytes(whole[:-9] if damage is None else damage)
    assert first_call(runpy.run_path(str(tmp_path / "module_of_a_test.py"))["twice"], 3.0) == 6.0
    assert len(index.read_bytes()) == len(whole)


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
def test_a_cache_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "folder")}
    lines = (
        "from llama.science.overlap import log_integrals, quickest_log_integrals",
        "assert quickest_log_integrals() is not log_integrals",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, check=True)
