"""Adapters to the outside world, each behind a protocol of `llama.ports`."""
