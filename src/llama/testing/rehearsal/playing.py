"""A rehearsal is played: each command in a process of its own, as an operator types it, until one fails."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llama.testing.rehearsal.scenes import Scene
from llama.testing.rehearsal.stage import RehearsalStage

PATIENCE_S = 300.0
_PAUSE_S = 1.0


@dataclass(frozen=True)
class Played:
    """A scene that was played; `why_not` is None when all was as it should be."""

    scene: Scene
    said: str
    seconds: float
    why_not: str | None = None

    @property
    def typed(self) -> str:
        """The command, as a shell takes it."""
        return shlex.join(("llama", *self.scene.words))


def play(stage: RehearsalStage, script: Iterable[Scene], patience_s: float = PATIENCE_S) -> Iterator[Played]:
    """Each scene when it is over; none after one that failed."""
    for scene in script:
        played = _played(stage, scene, patience_s)
        yield played
        if played.why_not is not None:
            return


def _played(stage: RehearsalStage, scene: Scene, patience_s: float) -> Played:
    begun = time.monotonic()
    while True:
        try:
            status, said = _type(stage, scene, patience_s)
        except subprocess.TimeoutExpired:
            return Played(scene, "", time.monotonic() - begun, f"it did not end within {patience_s:g} s")
        seconds = time.monotonic() - begun
        if status != 0:
            return Played(scene, said, seconds, f"it ended with {status}")
        if re.search(scene.shows, said):
            return Played(scene, said, seconds)
        if not scene.until or seconds > patience_s:
            return Played(scene, said, seconds, f"it was to say {scene.shows!r}")
        time.sleep(_PAUSE_S)


def _type(stage: RehearsalStage, scene: Scene, patience_s: float) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "llama", *scene.words],
        env=stage.environment,
        cwd=stage.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=patience_s,
    )
    return done.returncode, done.stdout
