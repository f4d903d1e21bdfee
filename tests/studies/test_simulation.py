"""Sky maps of simulated mergers: what is measured, the fast localiser, the folder that comes out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.cli.main import main
from llama.engine.running import utc_now
from llama.formats.coincs import read_coincs
from llama.formats.skymap import read_skymap
from llama.operate.sole import Sole, myself
from llama.studies.simulation.populations import draw_sources, population
from llama.studies.simulation.sources import INJECTION_HEADER, injection_lines, read_injections

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


def run(*words: object) -> int:
    return main(["dev", "simulate", *map(str, words)])


@pytest.mark.slow
def test_neither_workers_nor_a_cut_change_a_byte(tmp_path: Path, asd: list[str]) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run("bns", "-o", whole, "-n", 5, "-j", 2, *asd) == 0
    assert run("bns", "-o", cut, "-n", 2, "-j", 1, *asd) == 0
    for path in sorted((cut / "allsky").iterdir())[:1]:
        path.unlink()  # somebody took it away
    kept = sorted((cut / ".llama" / "blocks").iterdir())
    kept[-1].unlink()  # a block that was being made
    assert run("bns", "-o", cut, "-n", 5, "-j", 1, *asd) == 0
    assert files(whole) == files(cut)


def test_what_is_there_is_not_made_again(tmp_path: Path, asd: list[str]) -> None:
    out = tmp_path / "bns"
    assert run("bns", "-o", out, "-n", 2, "-j", 1, *asd) == 0
    before = {path: path.stat().st_mtime_ns for path in (out / "allsky").iterdir()}
    assert run("bns", "-o", out, "-n", 2, "-j", 1, *asd) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "allsky").iterdir()} == before


def test_other_options_are_refused_and_named(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bns"
    assert run("bns", "-o", out, "-n", 1, "-j", 1, *asd) == 0
    before = files(out)
    assert run("bns", "-o", out, "-n", 1, "-j", 1, "--min-snr", "9", "--seed", "2", *asd) == 1
    said = capsys.readouterr().err
    assert "min_snr 8.0, not 9.0" in said and "seed 1, not 2" in said and "Choose another folder" in said
    assert files(out) == before


def test_a_second_program_on_the_folder_is_refused(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bns"
    out.mkdir()
    first = Sole(out, "simulate", myself("llama dev simulate", utc_now()))
    assert run("bns", "-o", out, "-n", 1, "-j", 1, *asd) == 1
    assert f"llama dev simulate works on {out} already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [".llama"]
    first.release()
    assert run("bns", "-o", out, "-n", 1, "-j", 1, *asd) == 0


def injections(path: Path, *, distance: float = 80.0, count: int = 3) -> Path:
    kind = draw_sources(population("bns"), count, 7, 0.02, np.random.default_rng(1))
    kind["distance"] = distance
    path.write_text("\n".join([INJECTION_HEADER, *injection_lines(kind)]) + "\n")
    return path


def test_a_table_of_injections_is_gone_through(tmp_path: Path, asd: list[str]) -> None:
    table = injections(tmp_path / "mine.dat")
    out = tmp_path / "out"
    assert run("--injections", table, "-o", out, "--duty-cycle", 1, "-j", 1, *asd) == 0
    assert [one.skymap for one in read_coincs(out / "coincs.dat")] == ["7", "8", "9"]
    assert (out / "injections.dat").read_text() == table.read_text()
    assert [path.name for path in (out / "skymap-lists").iterdir()] == ["mine-o4"]
    again = read_injections(out / "injections.dat")
    assert again["distance"].tolist() == [80.0] * 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: [lines[0], lines[1].replace("\t80.0\t", "\tfar\t")], "line 2 has 'far' as distance"),
        (lambda lines: [*lines[:2], "1 2 3"], "line 3 has 3 columns; its header has 13 or more"),
        (lambda lines: [*lines[:2], lines[2].replace("\t80.0\t", "\t-80.0\t")], "line 3 has -80.0 as distance"),
        (lambda lines: [*lines[:2], lines[2].replace("\t80.0\t", "\tnan\t")], "line 3 has nan as distance"),
        (lambda lines: [lines[0], lines[1], lines[1]], "has simulation_id 7 more than once"),
        (lambda lines: lines[:1], "has no line below its header"),
        (lambda lines: lines[1:], "line 1 names no column simulation_id"),
    ],
)
def test_a_row_that_is_none_is_named(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str], change: Any, why: str
) -> None:
    table = injections(tmp_path / "mine.dat")
    table.write_text("\n".join(change(table.read_text().splitlines())) + "\n")
    assert run("--injections", table, "-o", tmp_path / "out", *asd) == 1
    said = capsys.readouterr().err
    assert why in said and str(table) in said


def test_a_threshold_that_nobody_passes_is_told(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = injections(tmp_path / "far.dat", distance=5e4)
    assert run("--injections", table, "-o", tmp_path / "out", "--duty-cycle", 1, "-j", 1, *asd) == 1
    said = capsys.readouterr().err
    assert "none of 3 sources is found with network SNR 8 and 4 in two detectors; the loudest has 0." in said
    assert not (tmp_path / "out" / "coincs.dat").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["bhbh", "-n", "1"], "there is no population bhbh; there are bns, nsbh, bbh"),
        (["bns"], "a population has no end: say how many maps with -n or --each"),
        (["-n", "1"], "say which population, bns, nsbh or bbh, or give a table with --injections"),
        (["bns", "-n", "1", "-r", "O9"], "there are no noise curves for O9; there are O3, O4, O5"),
        (["bns", "-n", "1", "--detectors", "H1"], "--detectors takes two or more, each once, not H1"),
        (["bns", "-n", "1", "--detectors", "H1,X1"], "there is no detector X1"),
        (["bns", "-n", "1", "--asd", "K1=kagra.txt"], "--asd names K1, which is not among --detectors"),
        (["bns", "-n", "1", "--asd", "H1"], "--asd takes DETECTOR=FILE"),
        (["bns", "-n", "1", "--f-low", "5"], "covers 8 to 3000 Hz, not the band of 5 to 1024 Hz"),
        (["bns", "-n", "1", "--f-low", "50", "--f-high", "40"], "a band goes from --f-low up to --f-high"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert run("-o", tmp_path / "out", *asd, *words) == 1
    said = capsys.readouterr().err
    assert why in said and said.count("\n") == 1
    assert not (tmp_path / "out" / "coincs.dat").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no noise curve"),
        ("10 1e-23\n20 many\n", "is no noise curve of two columns"),
        ("10 1e-23\n20 -1e-23\n", "it needs lines of two positive numbers"),
        ("20 1e-23\n10 1e-23\n", "its frequencies do not ascend"),
    ],
)
def test_a_file_that_is_no_curve_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(text)
    assert run("bns", "-n", 1, "-o", tmp_path / "out", "--asd", f"H1={bad}") == 1
    said = capsys.readouterr().err
    assert why in said and str(bad) in said


def test_a_folder_without_curves_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bns", "-n", 1, "-o", tmp_path / "out", "--curves", tmp_path / "nowhere") == 1
    assert f"{tmp_path / 'nowhere'} has no noise curves of O4" in capsys.readouterr().err


def test_what_needs_the_extra_says_so(
    tmp_path: Path, asd: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ligo.skymap", None)
    monkeypatch.setitem(sys.modules, "lal", None)
    assert run("bns", "-n", 1, "-o", tmp_path / "out", "--localiser", "bayestar", *asd) == 1
    assert "pip install 'llama-astro[studies]'; or --localiser fast" in capsys.readouterr().err
    assert run("bns", "-n", 1, "-o", tmp_path / "out") == 1
    assert "pip install 'llama-astro[studies]', or give a folder of files with --curves" in capsys.readouterr().err


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_what_was_made_stays(tmp_path: Path, asd: list[str]) -> None:
    out = tmp_path / "bns"
    words = ["dev", "simulate", "bns", "-o", str(out), "-j", "1", *asd]
    assert main([*words, "-n", "2"]) == 0
    before = files(out)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "from llama.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *words, "-n", "60"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"llama: File too large: {out}/"), ended.stderr
    assert {name: data for name, data in files(out).items() if name in before} == before
    assert main([*words, "-n", "2"]) == 0
