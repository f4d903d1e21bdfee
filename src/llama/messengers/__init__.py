"""One folder per messenger: how its messages are read, its products, its likelihood terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llama.engine.product import Product


@dataclass(frozen=True, eq=False)
class Messenger:
    """What a messenger brings; found through the entry point group `llama.messengers`.

    Attributes:
        name: one word, `gw`.
        help: one line for people.
        products: its products, in the order in which they should be made where the graph leaves a choice.
    """

    name: str
    help: str
    products: tuple[Product[Any], ...]
