"""Every command of docs/operate/running.md, in its order, with a broker and a GraceDB of this machine."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plugins import ROOT

from llama.testing import GraceDBServer, demo_alert
from llama.testing.tansu import Tansu

pytestmark = pytest.mark.component

PAGE = (ROOT / "docs" / "operate" / "running.md").read_text()
BLOCKS = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)]
START, WHILE, *REST = BLOCKS
ALERT = "MS120130a"
LLAMA = Path(sys.executable).with_name("llama")


class Operator:
    """Types commands in an empty home."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "LLAMA_"))}
        self.environ = plain | {"HOME": str(home), **settings}
        self.background: list[subprocess.Popen[bytes]] = []

    def types(self, line: str) -> str:
        assert line.startswith("llama "), line
        words = [str(LLAMA), *shlex.split(line.replace("~", str(self.home)).removesuffix("&"))[1:]]
        if line.endswith("&"):
            self.background.append(subprocess.Popen(words, cwd=self.home, env=self.environ))
            return ""
        done = subprocess.run(
            words, cwd=self.home, env=self.environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def goes(self) -> None:
        for program in self.background:
            program.send_signal(signal.SIGTERM)
        assert [program.wait(60) for program in self.background] == [0] * len(self.background)


def eventually(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not what():
        assert time.monotonic() < until, "it did not come to it"
        time.sleep(0.1)


def test_an_observing_run(kafka: Tansu, tmp_path: Path) -> None:
    (tmp_path / "igwn_alert.json").write_bytes(demo_alert(ALERT).data)
    with GraceDBServer() as gracedb:
        operator = Operator(
            tmp_path,
            LLAMA_GCN_CLIENT_ID="x",
            LLAMA_GCN_CLIENT_SECRET="y" * 20,
            LLAMA_GCN_BOOTSTRAP=kafka.address,
            LLAMA_GRACEDB_SERVICE_URL=gracedb.url,
        )
        try:
            for line in START:
                operator.types(line)
            kafka.send("igwn.gwalert", [demo_alert(ALERT).data])
            folder = tmp_path / ".local" / "share" / "llama"
            event = folder / "current_run" / f"{ALERT}-1-Preliminary"
            eventually((event / "summary_lvc-I3.pdf").exists)
            said = [operator.types(line) for line in WHILE]
            assert str(folder / "current_run") in said[0] and "GW_NEUTRINO" in said[0]
            assert event.name in said[1] and "significance_opa_lvc-i3.json" in said[1]
            assert event.name in said[2]
            for block in REST:
                for line in block:
                    operator.types(line)
            assert (tmp_path / "replayed" / event.name / "igwn_alert.json").exists()
        finally:
            operator.goes()
        assert str(folder / "current_run") not in operator.types("llama run -R")
