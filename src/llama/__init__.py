"""LLAMA: how likely is it that two observatories saw the same source?"""

__version__ = "0.1.0"
