"""Data sets that are whole, and each thing that may be wrong with one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.o3b_layout import write_layout

from llama.cli.main import main
from llama.formats.skymap_list import below_set

MAP = "S240621_G495305_bayestar.multiorder.fits"
LISTS = {"H1L1": 2, "H1L1V1": 3}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Five maps in two lists, as servers name them, and four neutrino lists."""
    alerts = tmp_path_factory.mktemp("alerts") / "set"
    write_layout(alerts, data, tmp_path_factory.mktemp("cache"), superevents=2, lists=4)
    root = tmp_path_factory.mktemp("simulated") / "set"
    folder = root / "skymaps" / "bns-o3"
    folder.mkdir(parents=True)
    (root / "skymap-lists" / "bns-o3").mkdir(parents=True)
    rows, number = ["detectors skymap"], 0
    for name, count in LISTS.items():
        lines = []
        for _ in range(count):
            shutil.copyfile(data / "skymaps" / "events" / MAP, folder / f"{number}.multiorder.fits")
            lines.append(f"/home/vagrant/pre-er14-background//skymaps/bns-o3/{number}.multiorder.fits\n")
            rows.append(f"{'H1,L1,V1' if 'V1' in name else 'H1,L1'} bns-o3/{number}")
            number += 1
        (root / "skymap-lists" / "bns-o3" / f"{name}.csv").write_text("".join(lines))
    (root / "skymaps" / "coincs-bns-o3.dat").write_text("\n".join(rows) + "\n")
    shutil.copytree(alerts / "bklist", root / "bklist")
    shutil.copyfile(alerts / "bklist_names.txt", root / "bklist_names.txt")
    shutil.copytree(alerts, root.parent / "alerts")
    return root


def said(capsys: pytest.CaptureFixture[str], place: Path, status: int) -> str:
    assert main(["dev", "dataset", "check", str(place), "--read", "1"]) == status
    return capsys.readouterr().out


@pytest.mark.slow
def test_a_whole_set_is(whole: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = said(capsys, whole, 0)
    assert found.splitlines() == [
        "ok     skymaps: 5 maps",
        "ok     skymap-lists/bns-o3: 5 maps in 2 lists, as many as skymaps/coincs-bns-o3.dat has of each",
        "ok     bklist: 4 lists, as many as bklist_names.txt names",
        f"{whole} is as a study wants it",
    ]
    found = said(capsys, whole.parent / "alerts", 0)
    assert "ok     superevents.txt: 2 superevents; 2 more are skipped by missing_event_ids_cwb.npy" in found
    monkeypatch.chdir(whole)
    assert main(["dev", "dataset", "check", "."]) == 0


def cut_map(root: Path) -> None:
    path = root / "skymaps" / "bns-o3" / "0.multiorder.fits"
    path.write_bytes(path.read_bytes()[:5000])


def line_twice(root: Path) -> None:
    path = root / "skymap-lists" / "bns-o3" / "H1L1.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[0])


def in_two_lists(root: Path) -> None:
    lists = root / "skymap-lists" / "bns-o3"
    (lists / "H1L1.csv").write_text((lists / "H1L1V1.csv").read_text())


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (
            lambda root: (root / "skymaps/bns-o3/4.multiorder.fits").unlink(),
            "H1L1V1.csv: 1 of 3 maps are not in the set",
        ),
        (
            lambda root: (root / "skymaps/bns-o3/4.multiorder.fits").write_bytes(b""),
            "skymaps: 1 maps are empty files",
        ),
        (cut_map, "skymaps/bns-o3/0.multiorder.fits: it cannot be read"),
        (line_twice, "H1L1.csv: 1 maps are listed twice"),
        (in_two_lists, "bns-o3: 3 maps are in two lists"),
        (lambda root: (root / "skymap-lists/bns-o3/H1L1.csv").unlink(), "has 5: H1L1 0 and not 2"),
        (
            lambda root: (root / "skymap-lists/bns-o3/H1L1.csv").rename(root / "skymap-lists/bns-o3/L1H1.csv"),
            "L1H1.csv: is not named for detectors",
        ),
        (lambda root: shutil.rmtree(root / "skymap-lists"), "skymap-lists/: is missing"),
        (
            lambda root: shutil.rmtree(root / "bklist"),
            "bklist/: is missing; `llama dev neutrinos background -p bns` makes",
        ),
        (lambda root: (root / "bklist_names.txt").unlink(), "bklist_names.txt: is missing"),
        (lambda root: (root / "bklist" / "bg-00001").unlink(), "bklist/ has no list: bg-00001"),
        (lambda root: (root / "bklist" / "other").write_text("{}"), "bklist_names.txt does not name: other"),
        (lambda root: (root / "bklist" / "bg-00000").write_text("{}"), "bklist/bg-00000: it cannot be read"),
        (lambda root: (root / "bklist_names.txt").write_text("a\na\n"), "lists a twice"),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_is_named(
    damage: Callable[[Path], None], wrong: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(whole, tmp_path / "set"))
    damage(root)
    found = [line for line in said(capsys, root, 1).splitlines() if line.startswith("WRONG")]
    assert any(wrong in line for line in found), found


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (lambda root: (root / "superevents.txt").unlink(), "superevents.txt: is missing"),
        (lambda root: shutil.rmtree(root / "superevents" / "S190425z"), "have no folder in superevents/: S190425z"),
        (lambda root: (root / "superevents/S190425z/p_astro.json").unlink(), "have no p_astro.json: S190425z"),
        (lambda root: (root / "superevents/S190425z/lvc_skymap.fits.gz").unlink(), "have no sky map: S190425z"),
        (lambda root: (root / "skymap_info.json.template").write_text("{}"), "has no {superevent} to be filled in"),
        (lambda root: (root / "placeholder.json").unlink(), "placeholder.json: is missing"),
        (
            lambda root: np.save(root / "missing_event_ids_cwb.npy", np.array(["S190718y"])),
            "have no folder in superevents/: S190510g",
        ),
    ],
)
@pytest.mark.slow
def test_what_is_wrong_with_alerts_is_named(
    damage: Callable[[Path], None], wrong: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(whole.parent / "alerts", tmp_path / "set"))
    damage(root)
    found = [line for line in said(capsys, root, 1).splitlines() if line.startswith("WRONG")]
    assert any(wrong in line for line in found), found


def test_what_is_no_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    assert main(["dev", "dataset", "check", str(tmp_path / "set")]) == 1
    assert "holds no files" in capsys.readouterr().err
    (tmp_path / "set" / "a.txt").write_text("a")
    assert "so it is no set for a study" in said(capsys, tmp_path / "set", 1)
    assert main(["dev", "dataset", "check", str(tmp_path / "none")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_the_part_of_a_path_that_is_in_the_set() -> None:
    assert below_set("/home/vagrant/pre-er14-background//skymaps/bns-o3/1.fits.gz") == "skymaps/bns-o3/1.fits.gz"
    assert below_set("s3://llama/x/allsky/1.fits") == "allsky/1.fits"
    assert below_set("/data/1.fits.gz") is None and below_set("/data/skymaps") is None
