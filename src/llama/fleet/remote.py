"""What our scripts do on a server (`scripts/*.sh`): in plain POSIX shell, so that it needs nothing of ours for it."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass
from importlib.resources import files

from llama.fleet.errors import ServerFailed
from llama.fleet.ssh import MOST_BYTES, Link, Output

EVENT_FOLDERS = {"background": "events", "signal": "signal-events", "doublet": "signal-doublet-events"}
"""Where a study's events of each kind are."""
KINDS = {"bg": "background", "background": "background", "signal": "signal", "doublet": "doublet"}
"""What is typed for each kind."""
RESULTS = (*EVENT_FOLDERS.values(), "trials", "logs", "study.json", "runs.jsonl", "fleet.jsonl")
"""What a study makes on a server, by name in its folder: pulled, and at the end cleaned away."""
CLEANED = (*(name for name in RESULTS if name != "fleet.jsonl"), "scratchevents")
"""`fleet.jsonl` stays, so that no block is drawn twice."""
_SHOWN = 400


@dataclass(frozen=True)
class Remote:
    """Where things are on servers.

    Attributes:
        study: the study's folder; empty for the usual one. program: how llama is called there.
    """

    study: str = ""
    program: str = "llama"

    async def do(self, link: Link, name: str, *words: str, given: bytes = b"") -> str:
        """What a script says. ServerFailed is what it complained of."""
        return checked(await self.ask(link, name, *words, given=given))

    async def ask(self, link: Link, name: str, *words: str, given: bytes = b"", most: int = MOST_BYTES) -> Output:
        """Run a script, whatever becomes of it; ServerFailed for one that says more than `most` bytes."""
        return await link.run(self.command(name, *words), given, most)

    def command(self, name: str, *words: str) -> str:
        """What runs a script, as any login shell reads it."""
        return shlex.join(["sh", "-c", script(name), "sh", self.study, self.program, *words])


@functools.cache
def script(name: str) -> str:
    """The text of a script of ours, without its comments."""
    folder = files("llama.fleet") / "scripts"
    text = "".join((folder / f"{one}.sh").read_text(encoding="utf-8") for one in ("common", name))
    return re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)


def checked(output: Output) -> str:
    """What was said, when all was well; else a ServerFailed of its complaint."""
    if output.status == 0:
        return output.out.decode("utf-8", "replace")
    raise ServerFailed(complaint(output))


def complaint(output: Output) -> str:
    """Why a command failed, in one line."""
    ended = "was ended by a signal" if output.status is None else f"exit status {output.status}"
    said = " ".join((output.err.strip() or output.out.strip()).decode("utf-8", "replace").split())
    return said[-_SHOWN:] if said else ended
