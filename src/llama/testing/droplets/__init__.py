"""DigitalOcean on this machine, that `pydo` itself talks to: the server (`server`, the first thing to read), what it
holds (`state`), how its records look (`records`), and the certificate it shows (`certificate`)."""

from __future__ import annotations

from llama.testing.droplets.server import DropletsServer
from llama.testing.droplets.state import Habits, Rented

__all__ = ["DropletsServer", "Habits", "Rented"]
