"""Codecs: how a value becomes a file and back."""
