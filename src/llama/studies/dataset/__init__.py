"""Whether a data set is as a study wants it: what to ask of it (`check`, the first thing to read), what is in it
(`contents`), sets of simulated maps (`simulated`), of alerts (`alerts`), lists of neutrinos (`neutrino_lists`)."""

from __future__ import annotations
