"""The way of a fleet on one machine, without an account and without root: a cloud, servers behind SSH and a store to
play on (`stage`), what is typed and why (`scenes`, the first thing to read), and how it is played (`playing`)."""

from __future__ import annotations

from llama.testing.rehearsal.playing import Played, play
from llama.testing.rehearsal.scenes import Scene, scenes
from llama.testing.rehearsal.stage import RehearsalStage, lacks

__all__ = ["Played", "RehearsalStage", "Scene", "lacks", "play", "scenes"]
