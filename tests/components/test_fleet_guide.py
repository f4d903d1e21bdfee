"""Every command of docs/operate/fleet.md, in its order, against a cloud of this machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import environment
from tests.plugins import ROOT

from llama.testing import DropletsServer, Habits

pytestmark = pytest.mark.component

PAGE = (ROOT / "docs" / "operate" / "fleet.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
ASKS = re.compile(r" (-c|-d|--snapshot|--reap) ?")


def test_every_command_of_the_page(tmp_path: Path) -> None:
    typing = [line for line in LINES if line.startswith("llama com do ")]
    quick = {"LLAMA_DROPLETS_POLL_S": "0.05", "PATH": f"{Path(LLAMA).parent}:/usr/bin:/bin"}
    said: dict[str, str] = {}
    with DropletsServer(Habits(boot_s=0.1, shutdown_s=0.1, snapshot_s=0.2)) as cloud:
        cloud.state.add_key("laptop")
        cloud.state.add_server("llama-analysis", tags=["llama-protected"])
        old = cloud.state.add_image("llama-parallel-bns-o3")
        for line in typing:
            words = f"{line} --yes" if ASKS.search(line) else line
            done = subprocess.run(
                ["bash", "-c", words],
                env=environment(tmp_path, **cloud.variables, **quick),
                capture_output=True,
                text=True,
                timeout=240.0,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
            )
            assert done.returncode == 0 and "Traceback" not in done.stderr, f"{line}\n{done.stdout}{done.stderr}"
            assert cloud.token not in done.stdout + done.stderr + words
            said[line] = done.stdout
        left = [one.name for one in cloud.state.machines.values()]
        images = [one for one in cloud.state.disks.values() if one.name == "llama-parallel-bns-o3"]
    assert len(typing) == 14 and left == ["llama-analysis", "llama-provision"]
    assert [one.id for one in images] != [old.id] and len(images) == 1
    assert said["llama com do -D 'llama-parallel-*' | wc -l"].strip() == "95"
    assert "94 of 94 servers were created" in next(text for line, text in said.items() if "{01..94}" in line)


def test_every_option_is_described() -> None:
    from llama.cli.main import parser_of

    options = {name for one in parser_of(("com", "do"))._actions for name in one.option_strings[:1]}
    undescribed = {name for name in options if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", PAGE)}
    assert undescribed <= {"-h", "-V"}
