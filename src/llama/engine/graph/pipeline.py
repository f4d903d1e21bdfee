"""Products in an order in which they can be made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from llama.advice import SHOW
from llama.engine.errors import PipelineError
from llama.engine.graph.product import Product


class Pipeline:
    """A named set of products in makeable order.

    The order keeps that of the argument wherever the graph allows, so an author says "numbers before
    pictures" by writing them in that order. Files from outside that they are made from need not be listed, so that a
    pipeline of another package still is one when there is a new way for an alert to come.
    """

    def __init__(self, name: str, products: Iterable[Product[Any]], aliases: tuple[str, ...] = ()) -> None:
        self.name = name
        self.aliases = aliases
        listed = _with_outside(tuple(products))
        self.words = _words(listed)
        self.products = _sorted(name, listed)
        self.by_filename = {product.filename: product for product in self.products}

    def __iter__(self) -> Iterator[Product[Any]]:
        return iter(self.products)

    def __len__(self) -> int:
        return len(self.products)

    def __contains__(self, product: Product[Any]) -> bool:
        return self.by_filename.get(product.filename) is product

    def __repr__(self) -> str:
        return f"<Pipeline {self.name}: {', '.join(product.name for product in self)}>"

    def find(self, word: str) -> Product[Any]:
        """The product called `word`: by constant, by file name or by an alias."""
        try:
            return self.words[word]
        except KeyError:
            names = ", ".join(product.name for product in self)
            raise PipelineError(f"no product {word!r} in pipeline {self.name}; there are {names}") from None

    def only(self, words: Iterable[str], *, ancestors: bool) -> Pipeline:
        """The sub-pipeline of the named products, with everything they are made from if `ancestors`.

        Without ancestors the others still exist as inputs, but are not made: their status is read, not acted on.
        """
        wanted = {self.find(word).filename for word in words}
        if ancestors:
            for product in reversed(self.products):
                if product.filename in wanted:
                    wanted |= {item.product.filename for item in product.all_inputs}
        return _restricted(self, wanted)

    @property
    def whole(self) -> Pipeline:
        """The pipeline of which this is a part (see `only`); itself where it is none."""
        return self

    def makes(self, product: Product[Any]) -> bool:
        """Whether this pipeline may make the product (see `only`)."""
        return product.make is not None and product in self


def find_among(pipelines: Sequence[Pipeline], word: str) -> tuple[Pipeline, Product[Any]]:
    """The product called `word`, and the first pipeline that has one; PipelineError names those spelt like it."""
    for pipeline in pipelines:
        if (product := pipeline.words.get(word)) is not None:
            return pipeline, product
    known = list(dict.fromkeys(name for pipeline in pipelines for name in pipeline.words))
    near = difflib.get_close_matches(word, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"{SHOW} lists the products of a pipeline (-p)"
    raise PipelineError(f"no product of any pipeline is called {word!r}; {hint}")


class _Restricted(Pipeline):
    """A pipeline that knows all products of another but makes only some of them."""

    def __init__(self, whole: Pipeline, wanted: frozenset[str]) -> None:
        super().__init__(whole.name, whole.products, whole.aliases)
        self._whole, self._wanted = whole.whole, wanted

    @property
    def whole(self) -> Pipeline:
        return self._whole

    def makes(self, product: Product[Any]) -> bool:
        return super().makes(product) and product.filename in self._wanted


def _restricted(whole: Pipeline, wanted: set[str]) -> Pipeline:
    return _Restricted(whole, frozenset(name for name in wanted if whole.makes(whole.by_filename[name])))


def _words(products: tuple[Product[Any], ...]) -> dict[str, Product[Any]]:
    words: dict[str, Product[Any]] = {}
    for product in products:
        for word in (product.name, product.filename, *product.aliases):
            if words.setdefault(word, product) is not product:
                raise PipelineError(f"both {words[word].name} and {product.name} are called {word!r}")
    return words


def _with_outside(listed: tuple[Product[Any], ...]) -> tuple[Product[Any], ...]:
    """With the files from outside that they are made from, first."""
    known = {product.filename for product in listed}
    sources = (item.product for product in listed for item in product.all_inputs)
    outside = {one.filename: one for one in sources if one.make is None and one.filename not in known}
    return (*outside.values(), *listed)


def _sorted(name: str, products: tuple[Product[Any], ...]) -> tuple[Product[Any], ...]:
    position = {product.filename: place for place, product in enumerate(products)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for product in products:
        for item in product.all_inputs:
            source = item.product
            if source.filename not in position or products[position[source.filename]] is not source:
                raise PipelineError(f"{product.name} is made from {source.name}, which is not in pipeline {name}")
        sorter.add(product.filename, *(item.product.filename for item in product.all_inputs))
    try:
        sorter.prepare()
    except CycleError as error:
        raise PipelineError(f"pipeline {name} goes in a circle: {' -> '.join(error.args[1])}") from None
    order: list[str] = []
    available: list[str] = []
    while sorter.is_active():
        available.extend(sorter.get_ready())
        first = min(available, key=position.__getitem__)
        available.remove(first)
        order.append(first)
        sorter.done(first)
    return tuple(products[position[filename]] for filename in order)
