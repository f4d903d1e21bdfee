"""Figures the project promises, measured. `make bench` prints them beside their goals."""
