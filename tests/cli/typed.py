"""Commands as an operator types them, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.forked import LLAMA, forker

EVENT_ID = "MS120130a"
"""The packaged alert's event, whose neutrinos are packaged too."""
PATIENCE_S = 240.0
"""A command is given so long, so that a busy machine fails no test; none takes a tenth of it on one that is not."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a command that keeps its data in `home`."""
    return os.environ | {"LLAMA_DATA_DIR": str(home), "LLAMA_CACHE_DIR": str(home / "cache")} | more


def typed(*words: str | Path | int, home: Path, status: int = 0, fresh: bool = False, **more: str) -> str:
    """What the command says; it must end with this status, and a traceback is never an answer.

    Args:
        words: after `llama`.
        home: where it keeps its data.
        status: with which it must end.
        fresh: start Python and import everything, as a terminal does; without it the process is forked from one that
            has the imports. It is always so where a variable of `more` is for Python or the locale.
        more: further variables of its environment.
    """
    texts = [str(word) for word in words]
    if fresh or any(name.startswith(("PYTHON", "LC_", "LANG")) for name in more):
        done = subprocess.run(
            [LLAMA, *texts], env=environment(home, **more), capture_output=True, text=True, timeout=PATIENCE_S
        )
        ended, said = done.returncode, done.stdout + done.stderr
    else:
        ended, said = forker().run(texts, environment(home, **more), PATIENCE_S)
    assert "Traceback" not in said, said
    assert ended == status, said
    return said


def fresh_event(run: Path, home: Path) -> Path:
    """A new event of the packaged alert in a run folder, of which nothing is made yet."""
    from llama.app import DEMO_ALERT, packaged

    typed("skymap_info", "--alert", packaged(DEMO_ALERT), "-d", run, "--flags", "DEFAULT", home=home)
    return run / EVENT_ID


def copied(event: Path, run: Path, name: str = EVENT_ID) -> Path:
    """A copy of an event, times of files and all."""
    run.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(event, run / name, copy_function=shutil.copy2))


def contents(event: Path) -> dict[str, bytes]:
    """The files in view."""
    return {path.name: path.read_bytes() for path in sorted(event.iterdir()) if path.is_file()}


def loads(path: Path) -> Any:
    """A JSON file in which NaN and infinity are errors, as they are to everybody else's readers."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path.name}")

    return json.loads(path.read_text(), parse_constant=refuse)


def journal(event: Path) -> list[dict[str, Any]]:
    """Its entries, as far as they are JSON."""
    lines = (event / ".llama" / "journal.jsonl").read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if line.startswith(b"{")]
