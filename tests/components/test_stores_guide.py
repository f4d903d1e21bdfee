"""Every command of docs/operate/stores.md, in its order, on a store here that fails every third request."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from tests.cli.typed import typed
from tests.components.s3_server import failing, raw, s3_server
from tests.components.test_com_s3 import more
from tests.o3b_layout import write_layout
from tests.plugins import ROOT

pytestmark = pytest.mark.component

PAGE = (ROOT / "docs" / "operate" / "stores.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
PLACE = "llama/artifacts/mid-o3-subthreshold-background"
MAP = "S240621_G495305_bayestar.multiorder.fits"


def whole_set(root: Path, data: Path) -> None:
    """Beside the lists of neutrinos: two maps in a list, as servers name them, and the table it was split from."""
    (root / "skymaps" / "bns-o3").mkdir(parents=True)
    (root / "skymap-lists" / "bns-o3").mkdir(parents=True)
    for number in range(2):
        shutil.copyfile(
            root / "superevents" / "S190425z" / "lvc_skymap.fits.gz", root / f"skymaps/bns-o3/{number}.fits.gz"
        )
    lines = "".join(f"/home/vagrant/pre-er14-background//skymaps/bns-o3/{number}.fits.gz\n" for number in range(2))
    (root / "skymap-lists" / "bns-o3" / "H1L1.csv").write_text(lines)
    (root / "coincs-bns-o3.dat").write_text("detectors skymap\nH1,L1 bns-o3/0\nH1,L1 bns-o3/1\n")


def test_every_command_of_the_page(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = write_layout(tmp_path / "data", data, tmp_path / "cache", superevents=1, lists=2).root
    monkeypatch.chdir(here)
    with s3_server() as address, failing(address) as proxy:
        client = raw(address)
        client.create_bucket(Bucket="llama")
        for path in here.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "llama", f"{PLACE}/{path.relative_to(here)}")
        key = f"{PLACE}/mid-o3-subthreshold-background/S190425z-bg-00000/significance_opa_lvc-i3.json"
        client.put_object(Bucket="llama", Key=key, Body=b"{}")
        whole_set(here, data)
        for path in (*here.glob("skymap*/**/*.*"), here / "coincs-bns-o3.dat"):
            if path.is_file():
                client.upload_file(str(path), "llama", f"sets/bns-o3/{path.relative_to(here)}")
        (here / "maps").symlink_to(data / "skymaps" / "events")
        typing = [shlex.split(line)[1:] for line in LINES if line.startswith("llama ")]
        said = {" ".join(words[:3]): typed(*words, home=tmp_path, **more(proxy.address)) for words in typing}
        assert sum(proxy.failed.values()) == proxy.requests // 3 > 20
        uploaded = client.list_objects_v2(Bucket="llama", Prefix="simulations/bns-o3/")["Contents"]
    assert len(typing) == len(LINES) - 1 == 15
    assert f"DIR   s3://llama/{PLACE}/superevents/" in said["com s3 ls"]
    assert (here / "results" / "S190425z-bg-00000" / "significance_opa_lvc-i3.json").read_text() == "{}"
    assert len(uploaded) == 3  # two names of one map, and the manifest
    assert sorted(path.name for path in (here / "again" / "skymaps" / "bns-o3").iterdir()) == [
        "0.fits.gz",
        "1.fits.gz",
    ]
    assert (here / "skymap-lists" / "bns-o3" / "H1L1.csv").read_text().startswith("/home/vagrant/")
    assert (here / "populations.hdf5").is_file()
    assert (tmp_path / "past_runs" / "events-o2" / "G298048" / "lvc_gcn.xml").is_file()
