"""One map in every kind of file gives one answer; what we write, others read."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ligo.skymap.io import read_sky_map, write_sky_map
from mocpy import MOC
from tests.skymap_examples import flat_columns, read_in_a_fresh_process, skymaps, write_flat

from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.science.sky import (
    SkyMap,
    credible_area_deg2,
    credible_level,
    from_cells,
    from_uniq,
    has_distance,
    lookup,
    marginal_distance,
    max_order,
    merge_siblings,
    probability,
    uniq_of,
)
from llama.science.sky.skymap import density_at

on_disk = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def answers(m: SkyMap) -> dict[str, object]:
    """What anyone asks of a map, at 300 directions."""
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 2 * np.pi, 300), np.arcsin(rng.uniform(-1, 1, 300))
    found = lookup(m, ra, dec)
    return {
        "density": density_at(m, ra, dec),
        "level": np.where(density_at(m, ra, dec) > 0, credible_level(m)[found], 1.0),
        "areas": np.array([credible_area_deg2(m, level) for level in (0.5, 0.9)]),
        "distance": np.array(marginal_distance(m) or (0.0, 0.0)),
        "mu": np.where(has_distance(m)[found] & (found >= 0), m.distmu[found], 0.0) if m.distmu is not None else 0.0,
    }


def assert_agree(a: SkyMap, b: SkyMap, rtol: float = 1e-9) -> None:
    one, other = answers(a), answers(b)
    for name, value in one.items():
        assert np.allclose(value, other[name], rtol=rtol, atol=1e-9), name


@pytest.mark.slow
@given(m=skymaps(), deeper=st.integers(0, 1))
@on_disk
def test_nested_ring_and_multi_order_give_one_answer(tmp_path: Path, m: SkyMap, deeper: int) -> None:
    order = max_order(m) + deeper
    for name, nest, writer in (
        ("nested.fits", True, "ligo.skymap"),
        ("ring.fits", False, "ligo.skymap"),
        ("nested-1024.fits", True, "healpy"),
        ("ring-1024.fits", False, "healpy"),
    ):
        path = tmp_path / name
        path.unlink(missing_ok=True)
        write_flat(path, m, nest=nest, writer=writer, order=order)
        flat = read_skymap(path)
        assert_agree(flat, m)
        assert len(flat.ipix) <= 12 << (2 * order)
        assert max_order(flat) <= max_order(m) or order == 0
    multi = tmp_path / "multi.fits"
    MultiOrderFits().write(m, multi)
    assert_agree(read_skymap(multi), m)


@pytest.mark.slow
@given(m=skymaps())
@on_disk
def test_writing_and_reading_changes_no_bit(tmp_path: Path, m: SkyMap) -> None:
    m = replace(
        m, distmean_mpc=0.1 + 0.2, diststd_mpc=1e-3, origin={"OBJECT": "S1a", "DATE-OBS": "2017-08-17T12:41:04"}
    )
    path = tmp_path / "map.fits"
    MultiOrderFits().write(m, path)
    first = path.read_bytes()
    back = MultiOrderFits().read(path)
    for name in ("order", "ipix", "density", "distmu", "distsigma", "distnorm"):
        one, other = getattr(m, name), getattr(back, name)
        assert other is None if one is None else np.array_equal(one, other)
    assert (back.distmean_mpc, back.diststd_mpc, back.origin) == (m.distmean_mpc, m.diststd_mpc, m.origin)
    MultiOrderFits().write(back, path)
    assert path.read_bytes() == first
    assert len(first) % 2880 == 0


@pytest.mark.slow
@given(m=skymaps())
@on_disk
def test_ligo_skymap_and_mocpy_read_what_we_write(tmp_path: Path, m: SkyMap) -> None:
    path = tmp_path / "map.fits"
    MultiOrderFits().write(replace(m, origin={"OBJECT": "S1a"}, distmean_mpc=100.0, diststd_mpc=10.0), path)
    table = read_sky_map(str(path), moc=True)
    assert table.meta["objid"] == "S1a"
    assert (table.meta["distmean"], table.meta["diststd"]) == (100.0, 10.0)
    assert table["PROBDENSITY"].unit == "1 / sr"
    assert (np.diff(table["UNIQ"]) > 0).all()
    order, ipix = from_uniq(table["UNIQ"])
    ranked = np.argsort(uniq_of(m.order, m.ipix))
    assert (order == m.order[ranked]).all()
    assert (ipix == m.ipix[ranked]).all()
    assert (table["PROBDENSITY"] == m.density[ranked]).all()
    if m.distmu is not None:
        assert table["DISTNORM"].unit == "1 / Mpc2"
        assert np.array_equal(table["DISTMU"], m.distmu[ranked])
    with fits.open(path) as file:
        file.verify("exception")
        assert file[1].header["MOCORDER"] == max_order(m)
    whole = MOC.from_multiordermap_fits_file(str(path), cumul_from=0.0, cumul_to=1.0)
    assert whole.sky_fraction <= 1
    assert MOC.probability_in_multiordermap(MOC.from_string("0/0-11"), _table(m)) == pytest.approx(1)


def _table(m: SkyMap):
    from astropy.table import QTable
    from astropy.units import sr

    return QTable({"UNIQ": uniq_of(m.order, m.ipix).astype(np.uint64), "PROBDENSITY": m.density / sr})


@pytest.mark.slow
@given(m=skymaps(distances=True))
@on_disk
def test_a_multi_order_file_of_ligo_skymap(tmp_path: Path, m: SkyMap) -> None:
    mixed = np.random.default_rng(1).permutation(len(m.ipix))
    names = ["UNIQ", "PROBDENSITY", "DISTMU", "DISTSIGMA", "DISTNORM"]
    columns = [uniq_of(m.order, m.ipix), m.density, m.distmu, m.distsigma, m.distnorm]
    path = tmp_path / "map.fits"
    write_sky_map(str(path), np.rec.fromarrays([c[mixed] for c in columns], names=names))
    back = read_skymap(path)
    assert (back.ipix == m.ipix).all()
    assert (back.density == m.density).all()
    assert np.array_equal(back.distmu, m.distmu)


@pytest.mark.slow
@given(m=skymaps(distances=True))
@on_disk
def test_not_a_number_for_a_distance_means_none(tmp_path: Path, m: SkyMap) -> None:
    columns = flat_columns(m, max_order(m))
    for column in columns[1:]:
        column[~np.isfinite(columns[1])] = np.nan
    path = tmp_path / "map.fits"
    write_sky_map(str(path), columns, nest=True)
    flat = read_skymap(path)
    assert len(flat.ipix) <= len(merge_siblings(m).ipix) or max_order(flat) < max_order(m) or _has_holes(m)
    assert_agree(flat, m)
    assert np.isposinf(flat.distmu[~has_distance(flat)]).all()
    assert not np.isnan(flat.distsigma).any()


def _has_holes(m: SkyMap) -> bool:
    return bool((4.0 ** -m.order.astype(float)).sum() < 12)


@pytest.mark.parametrize("nest", [True, False])
def test_partial_maps_of_healpy(tmp_path: Path, nest: bool) -> None:
    pixels = np.full(12 << 6, healpy.UNSEEN)
    pixels[[5, 70, 71, 400]] = [0.1, 0.2, 0.3, 0.4]
    path = tmp_path / "partial.fits"
    healpy.write_map(str(path), pixels, nest=nest, partial=True, coord="C", column_names=["PROB"], dtype=np.float64)
    m = read_skymap(path)
    assert len(m.ipix) == 4
    ra, dec = (np.radians(angle) for angle in healpy.pix2ang(8, [5, 70, 71, 400], nest=nest, lonlat=True))
    assert np.allclose(probability(m)[lookup(m, ra, dec)], [0.1, 0.2, 0.3, 0.4])


def table_file(path: Path, columns: dict[str, tuple[str, str | None, np.ndarray]], **header: object) -> Path:
    """A FITS table of these columns: name -> (format, unit, values)."""
    made = [fits.Column(name=n, format=f, unit=u, array=v) for n, (f, u, v) in columns.items()]
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header.update({key.replace("_", "-"): value for key, value in header.items()})
    hdu.writeto(path, overwrite=True)
    return path


def test_units_case_and_scaling_of_columns(tmp_path: Path) -> None:
    density = np.full(12, 1 / (4 * np.pi))
    path = table_file(
        tmp_path / "units.fits",
        {
            "ProbDensity": ("E", "deg-2", density * np.radians(1) ** 2),
            "distmu": ("D", "Gpc", np.full(12, 0.1)),
            "DistSigma": ("D", "kpc", np.full(12, 1e4)),
            "distNORM": ("D", "Gpc-2", np.full(12, 100.0)),
        },
        ORDERING="nested",
        COORDSYS="icrs",
    )
    m = read_skymap(path)
    assert np.allclose(m.density, density)
    assert np.allclose(m.distmu, 100)
    assert np.allclose(m.distsigma, 10)
    assert np.allclose(m.distnorm, 1e-4)


def test_unsigned_uniq_numbers_of_old_files(tmp_path: Path) -> None:
    uniq = np.arange(4, 16, dtype=np.uint64)
    column = fits.Column(name="UNIQ", format="K", bzero=2**63, array=uniq)
    prob = fits.Column(name="PROBDENSITY", format="D", unit="sr-1", array=np.arange(12) / (66 * np.pi / 3))
    hdu = fits.BinTableHDU.from_columns([column, prob])
    hdu.header["ORDERING"] = "NUNIQ"
    hdu.writeto(tmp_path / "unsigned.fits")
    m = read_skymap(tmp_path / "unsigned.fits")
    assert (m.ipix == np.arange(12)).all()
    assert np.allclose(probability(m), np.arange(12) / 66)


def test_the_map_may_stand_behind_other_tables_and_images(tmp_path: Path) -> None:
    other = fits.BinTableHDU.from_columns([fits.Column(name="TIME", format="D", array=np.arange(1000.0))])
    image = fits.ImageHDU(np.zeros((30, 40), dtype=np.float32))
    prob = fits.BinTableHDU.from_columns([fits.Column(name="PROB", format="D", array=np.full(12, 1 / 12))])
    prob.header["ORDERING"] = "RING"
    fits.HDUList([fits.PrimaryHDU(np.zeros((3, 5))), image, other, prob]).writeto(tmp_path / "third.fits")
    assert len(read_skymap(tmp_path / "third.fits").ipix) == 12


def test_bytes_and_gzip_read_like_files(tmp_path: Path, data: Path) -> None:
    path = data / "skymaps" / "events" / "S231206_G457564_bayestar.multiorder.fits"
    plain = path.read_bytes()
    maps = [read_skymap(path), read_skymap(plain), read_skymap(gzip.compress(plain, 1))]
    for m in maps[1:]:
        assert np.array_equal(m.density, maps[0].density)
        assert m.origin == maps[0].origin


@pytest.mark.slow
@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
def test_three_million_different_pixels_with_distances_fit_in_a_worker(tmp_path: Path, ordering: str) -> None:
    rng = np.random.default_rng(0)
    rows = np.empty(12 << 18, dtype=[(n, ">f8") for n in ("PROB", "DISTMU", "DISTSIGMA", "DISTNORM")])
    for name in rows.dtype.names:
        rows[name] = rng.uniform(1, 2, len(rows))
    rows["PROB"] /= rows["PROB"].sum()
    hdu = fits.BinTableHDU(rows)
    hdu.header["ORDERING"] = ordering
    hdu.writeto(tmp_path / "big.fits")
    (reading,) = read_in_a_fresh_process(tmp_path / "big.fits")
    assert reading["cells"] == len(rows)
    assert reading["peak_mb"] < 500


def test_writing_replaces_characters_that_fits_cannot_hold(tmp_path: Path) -> None:
    m = from_cells(
        np.zeros(12), np.arange(12), np.full(12, 1 / (4 * np.pi)), origin={"OBJECT": "λ ±1σ", "CREATOR": "x" * 200}
    )
    MultiOrderFits().write(m, tmp_path / "map.fits")
    assert read_skymap(tmp_path / "map.fits").origin == {"OBJECT": "? +-1sigma", "CREATOR": "x" * 200}
