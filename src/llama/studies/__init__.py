"""Simulation campaigns: backgrounds, tables, p-values."""
