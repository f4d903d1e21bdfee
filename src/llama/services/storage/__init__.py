"""Whole files by address: how it is set up (`setup`, the first thing to read), which place an address means
(`by_address`), and the places: folders of this machine (`local`), the web (`web`), stores that speak S3 (`s3`, with
`asking` for what goes wrong there)."""

from __future__ import annotations

from llama.services.storage.setup import PROVIDER, StorageSettings

__all__ = ["PROVIDER", "StorageSettings"]
