"""DigitalOcean through its own client: how it is set up (`setup`, the first thing to read), the adapter (`adapter`),
when something is asked again (`asking`) and how answers are read (`answers`)."""

from __future__ import annotations

from llama.services.droplets.setup import PROVIDER, SETTINGS, DropletsSettings

__all__ = ["PROVIDER", "SETTINGS", "DropletsSettings"]
