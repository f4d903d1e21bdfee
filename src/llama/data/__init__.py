"""Derived tables and the demo alert that ship with the package; see README.md in this folder."""
