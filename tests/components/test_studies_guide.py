"""Every command of docs/operate/studies.md, in its order, with few maps and trials; nothing is installed or set."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from tests.cli.typed import typed
from tests.plugins import ROOT

pytestmark = pytest.mark.component

PAGE = (ROOT / "docs" / "operate" / "studies.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
SMALLER = {"--each 50": "--each 1", "-n 100000": "-n 120", "-n 20000": "-n 60", "-n 50 ": "-n 2 "}


def smaller(line: str) -> list[str]:
    """The same command for a test's patience."""
    for much, little in SMALLER.items():
        line = line.replace(much, little)
    program, *words = shlex.split(line)
    assert program == "llama", line
    return [*words, "-j", "1"] if {"simulate", "trials"} & set(words) else words


def test_every_command_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(any(much in line for line in LINES) for much in SMALLER)
    monkeypatch.chdir(tmp_path)
    said = {}
    for line in LINES:
        said[line] = typed(*smaller(line), home=tmp_path / "home", fresh=True)

    (counted,) = [text for line, text in said.items() if "skymaps lists" in line]
    maps = list((tmp_path / "maps" / "allsky").glob("*.multiorder.fits"))
    assert f"{len(maps)} " in counted.splitlines()[-1]
    table = (tmp_path / "tables" / "opa-bns-o4-H1L1-IC86-2011.txt").read_text()
    rows = [row for row in table.splitlines() if row.lstrip()[:1] in ("+", "-")]
    (collated,) = [text for line, text in said.items() if "background pvalue" in line]
    assert re.search(rf"opa/bns/o4/H1L1/IC86-2011 +{len(rows)} events", collated) and len(rows) >= 120
    (summary,) = (tmp_path / "H1L1" / "sensitivity").glob("*opa*.json")
    found = json.loads(summary.read_text())
    assert found["provenance"]["background"].startswith(f"{len(rows)} background trials")
    assert found["false_alarm_probability"] == 0.01
    assert {path.suffix for path in (tmp_path / "H1L1" / "sensitivity").iterdir()} >= {".png", ".pdf", ".csv", ".txt"}
    assert "significance_opa_lvc-i3.json" in said[LINES[-1]]

    event = tmp_path / "look" / "injection-0"  # and what the page says of plots
    (sky_map,) = {Path(json.loads((event / "skymap_info.json").read_text())["skymap_filename"])}
    shutil.copy(sky_map, event / "lvc_skymap.multiorder.fits")
    before = json.loads((event / "statistic_lvc-i3.json").read_text())
    for words in (["adopt", "lvc_skymap.multiorder.fits"], ["remake", "STATISTIC"]):
        typed("event", str(event), *words, home=tmp_path / "home", fresh=True)
    typed("run", str(event), "-o", home=tmp_path / "home", fresh=True)
    after = json.loads((event / "statistic_lvc-i3.json").read_text())
    assert after["event"]["log_b"] == pytest.approx(before["event"]["log_b"], abs=1e-9)
    assert (event / "summary_lvc-I3.pdf").exists() and (event / "scatterplot_lvc-i3.png").exists()
