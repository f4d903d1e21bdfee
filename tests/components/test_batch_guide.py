"""Every command of docs/operate/batch.md, in its order, on a copy of the data set in a store of this machine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.cli.typed import typed
from tests.components.s3_server import KEYS, raw, s3_server
from tests.o3b_layout import write_layout
from tests.plugins import ROOT

pytestmark = pytest.mark.component

PAGE = (ROOT / "docs" / "operate" / "batch.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
PLACE = "llama/artifacts/mid-o3-subthreshold-background"


def test_every_command_of_the_page(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = write_layout(tmp_path / "data", data, tmp_path / "cache", superevents=2, lists=2)
    here = layout.root
    monkeypatch.chdir(here)
    (here / "skymap-lists").mkdir()
    maps = [here / "superevents" / name / "lvc_skymap.fits.gz" for name in layout.superevents]
    (here / "skymap-lists" / "H1L1.csv").write_text("".join(f"{path}\n" for path in maps))
    (here / "p_astro.json").write_text((maps[0].parent / "p_astro.json").read_text())
    template = (here / "skymap_info.json.template").read_text()
    with s3_server() as address:
        more = {"LLAMA_STORAGE_ENDPOINT": address, **KEYS}
        client = raw(address)
        client.create_bucket(Bucket="llama")
        for path in here.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "llama", f"{PLACE}/{path.relative_to(here)}")
        (here / "skymap_info.json.template").write_text(template.replace("{superevent}", "S1{number}"))
        typing = [shlex.split(line)[1:] for line in LINES if line.startswith("llama ")]
        said = [typed(*words, home=tmp_path / "home", fresh=True, **more) for words in typing]
        listed = client.list_objects_v2(Bucket="llama", Prefix=PLACE)["Contents"]
    assert len(said) == len(LINES) - 1 == 6
    assert all("0 failed" in text for text in said if "dry-run" not in text and " done, " in text)
    assert {path.name for path in (here / "results").iterdir()} == {f"injection-{i}.json" for i in range(4)}
    assert len(list((here / "drawn").glob("*/lvc_skymap_distances.json"))) == 2
    names = [one["Key"].removeprefix(f"{PLACE}/") for one in listed]
    assert sum(name.endswith("significance_opa_lvc-i3.json") for name in names) == 2
    assert sum(name.startswith("statistics/") for name in names) == 4
