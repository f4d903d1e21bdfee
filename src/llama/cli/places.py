"""Words that name files in stores: what they mean is brought here, and the command sees a path."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.advice import PUT
from llama.cli.arguments import Address

if TYPE_CHECKING:
    from llama.app import App
    from llama.operate.stores.cache import Copies

_IN_A_STORE = "s3:/"


def brought_here(args: argparse.Namespace, app: App) -> argparse.Namespace:
    """The same words with a path in place of each address; `fetched` names those that had one.

    Raises StoreError for an address where only a path may stand, and for one under which there is nothing.
    """
    for name, value in vars(args).items():
        _refuse(name, value)
    lists = {
        name: value for name, value in vars(args).items() if any(isinstance(one, Address) for one in _all(value))
    }
    if not lists:
        return argparse.Namespace(**vars(args), fetched=frozenset())
    copies = _Copies(app)
    brought = {
        name: [copies.of(one) for one in value] if isinstance(value, list) else copies.of(value)
        for name, value in lists.items()
    }
    fetched = frozenset(
        name for name, value in lists.items() if any("://" in getattr(one, "text", "") for one in _all(value))
    )
    return argparse.Namespace(**(vars(args) | brought), fetched=fetched)


def _all(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _refuse(name: str, value: object) -> None:
    """`Path("s3://b/x")` would be a folder called s3: here."""
    for one in _all(value):
        if isinstance(one, Path) and str(one).startswith(_IN_A_STORE):
            from llama.operate.errors import StoreError

            text = str(one).replace(_IN_A_STORE, "s3://", 1)
            raise StoreError(f"{text}: {name} must be here, not in a store; {PUT} puts a folder there afterwards")


class _Copies:
    """The cache's copies; the store is opened for an address only, not for a list of paths."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._found: Copies | None = None

    def of(self, word: Any) -> Any:
        """The path of one word; words of another kind as they are."""
        if not isinstance(word, Address):
            return word
        if word.lines:
            return self._copies.of_list(word.text)
        here = self._copies.of(word.text, word.beside)
        return f"{word.before}{here}" if word.before else here

    @property
    def _copies(self) -> Copies:
        if self._found is None:
            from llama.operate.stores.cache import Copies
            from llama.ports import STORAGE

            self._found = Copies(self._app.service(STORAGE), self._app.settings.cache_dir / "stores")
        return self._found
