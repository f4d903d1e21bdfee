"""Sky maps of simulated mergers: what is measured, the fast localiser, the folder that comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llama.cli.main import main
from llama.formats.coincs import read_coincs
from llama.formats.skymap import read_skymap

FREQUENCY = np.geomspace(8.0, 3000.0, 200)


def noise_curve(path: Path, least: float = 4e-24) -> Path:
    """Amplitude of a detector that is best about 200 Hz, in the shape of Advanced LIGO's."""
    x = FREQUENCY / 215.0
    power = x**-4.14 - 5 * x**-2 + 111 * (1 - x**2 + x**4 / 2) / (1 + x**2 / 2)
    np.savetxt(path, np.stack([FREQUENCY, least * np.sqrt(np.abs(power) / 50 + 1e-3)], axis=1))
    return path


@pytest.fixture
def asd(tmp_path: Path) -> list[str]:
    """Words that give every detector a curve."""
    sharp, blunt = noise_curve(tmp_path / "sharp.txt"), noise_curve(tmp_path / "blunt.txt", 1e-23)
    return [f"--asd={name}" for name in (f"H1={sharp}", f"L1={sharp}", f"V1={blunt}")]


def files(folder: Path) -> dict[str, bytes]:
    """What a run leaves for others, with the folder's own name taken out of the lists."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().replace(str(folder).encode(), b"")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".llama" not in path.parts
    }


def test_a_population_becomes_a_folder_whose_counts_add_up(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bns"
    assert main(["dev", "simulate", "bns", "-o", str(out), "-n", "6", "-j", "1", *asd]) == 0
    coincs = read_coincs(out / "coincs.dat")
    assert len(coincs) >= 6
    assert len((out / "injections.dat").read_text().splitlines()) == len(coincs) + 1
    lists = sorted((out / "skymap-lists" / "bns-o4").iterdir())
    listed = [line for path in lists for line in path.read_text().split()]
    assert sorted(listed) == sorted(str(out / "allsky" / f"{one.skymap}.multiorder.fits") for one in coincs)
    for one in coincs:
        skymap = read_skymap(out / "allsky" / f"{one.skymap}.multiorder.fits")
        assert skymap.origin["CREATOR"] == "llama fast approximate localiser"
        assert skymap.origin["INSTRUME"] == ",".join(one.detectors)
        assert skymap.distmean_mpc is not None and 0 < skymap.distmean_mpc < 2000
    assert f"{len(coincs)} total" in capsys.readouterr().out
