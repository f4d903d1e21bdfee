"""One pipeline over many inputs: what was asked for and what is to be done (`plan`, the first thing to read), one
combination of parameters (`combination`), and the processes that work on them (`crew`)."""

from __future__ import annotations
