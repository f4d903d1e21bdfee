"""What is to be done: the lists read, the patterns checked, the combinations chosen, before anything is begun."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from llama.engine.folder import name_fault
from llama.flags import Flags, parse_flags
from llama.ports import NoSuchObject, Storage
from llama.studies.batch.errors import BatchError
from llama.studies.batch.lists import Parameter, read_values
from llama.studies.batch.patterns import filled, folder_filled, names_in
from llama.studies.batch.study_file import Asked
from llama.studies.blocks import generator

NUMBER, EVENT = "number", "eventid"
"""Names that every combination has: its number among all of the lists, and the name of its event's folder."""
_STUDY = "batch"
TEMPLATE = ".template"
MOST_COMPARED = 50_000
"""So many combinations are compared with each other."""
_APART = f"a pattern with {{{NUMBER}}} or with every parameter keeps them apart"


@dataclass(frozen=True)
class Combination:
    """One value of each parameter.

    Attributes:
        number: among all that the lists give, from 0, skipped ones too: it stays when others are left out.
    """

    number: int
    values: Mapping[str, str]

    @property
    def listed(self) -> dict[str, str]:
        """Its values by name, with its number."""
        return {**self.values, NUMBER: str(self.number)}


@dataclass(frozen=True)
class Orders:
    """What is to be done with each combination. It travels to other processes.

    Attributes:
        fixed: values of the names that are not listed.
        asked: the words. flags: of a new event.
    """

    asked: Asked
    fixed: Mapping[str, str]
    flags: Mapping[str, str | bool]

    def folder(self, one: Combination) -> Path:
        """The folder of its event."""
        return Path(folder_filled(self.asked.eventdir, self.fixed, one.listed)).expanduser().absolute()

    def address(self, pattern: str, one: Combination) -> str:
        """A pattern filled in for one combination."""
        names = {EVENT: self.folder(one).name} if EVENT in names_in(pattern) else {}
        return filled(pattern, self.fixed, one.listed | names)

    def dump(self, one: Combination) -> str:
        """How the names of what is to be known of it begin, where it fails; empty when that is not wanted."""
        if not self.asked.errdump:
            return ""
        pattern = self.asked.errdump
        return self.address(pattern if names_in(pattern) else f"{pattern.rstrip('/')}/{{{EVENT}}}", one)


@dataclass(frozen=True)
class Batch:
    """All that is to be done.

    Attributes:
        chosen: which combinations, by their place among those that are not skipped; None for all of them.
    """

    orders: Orders
    parameters: tuple[Parameter, ...]
    chosen: Sequence[int] | None = None

    @cached_property
    def total(self) -> int:
        """How many combinations the lists give, without those that are skipped."""
        return math.prod(len(one.places) for one in self.parameters)

    @property
    def skipped(self) -> int:
        """How many are left out since one of their values is."""
        return math.prod(len(one.values) for one in self.parameters) - self.total

    def __len__(self) -> int:
        return self.total if self.chosen is None else len(self.chosen)

    def __iter__(self) -> Iterator[Combination]:
        return map(self.at, range(self.total) if self.chosen is None else self.chosen)

    def at(self, place: int) -> Combination:
        """A combination by its place: the values of the last list change first."""
        number, times, values = 0, 1, {}
        for one in reversed(self.parameters):
            place, inner = divmod(place, len(one.places))
            number += times * one.places[inner]
            times *= len(one.values)
            values[one.name] = one.values[one.places[inner]]
        return Combination(number, dict(reversed(values.items())))


def plan(asked: Asked, storage: Storage, environ: Mapping[str, str]) -> Batch:
    """Read the lists and check the patterns.

    Raises BatchError for what cannot be done, TransferError for a list that cannot be fetched.
    """
    if not asked.parameters:
        raise BatchError("there is nothing to combine; write name=LISTFILE, or the name of a study")
    if wrong := {NUMBER, EVENT} & {*asked.parameters, *asked.set}:
        raise BatchError(f"{' and '.join(sorted(wrong))} is what each combination has by itself; name it otherwise")
    if unlisted := set(asked.skip) - set(asked.parameters):
        raise BatchError(f"values of {', '.join(sorted(unlisted))} are to be skipped, which is not listed")
    if twice := set(asked.set) & set(asked.parameters):
        raise BatchError(f"{', '.join(sorted(twice))} is both listed and set; keep one of them")
    if not asked.eventdir:
        asked = asked.then(Asked(eventdir="-".join(f"{{{name}}}" for name in asked.parameters)))
    _check_files(asked)
    fixed = _fixed(asked, environ)
    orders = Orders(asked, fixed, _flags(asked))
    parameters = tuple(_parameter(name, asked, fixed, storage) for name in asked.parameters)
    found = Batch(orders, parameters)
    if not found.total:
        raise BatchError("every value is to be skipped; nothing is left to do")
    return found


def at_random(whole: Batch, count: int, seed: int) -> Batch:
    """So many of its combinations, each at most once; the same seed gives the same. BatchError for too many."""
    if count > whole.total:
        raise BatchError(f"{count} at random are more than the {whole.total} combinations that there are")
    chosen = generator(seed, _STUDY, 0).choice(whole.total, size=count, replace=False)
    return Batch(whole.orders, whole.parameters, sorted(chosen.tolist()))


def part_of(whole: Batch, part: int, parts: int) -> Batch:
    """The combinations of one of several machines that share the work: no two have one in common.

    `part` counts from 1. BatchError where there is no such part.
    """
    if not 1 <= part <= parts:
        raise BatchError(f"there is no part {part} of {parts}; the first is 1/{parts}")
    places = range(whole.total) if whole.chosen is None else whole.chosen
    if not (mine := places[part - 1 :: parts]):
        raise BatchError(f"nothing is left for part {part}: there are {len(whole)} combinations")
    return Batch(whole.orders, whole.parameters, mine)


def check_places(whole: Batch, storage: Storage) -> None:
    """Ask for the first of what is to be put: TransferRefused where every other one would be refused likewise."""
    first = next(iter(whole))
    for url in whole.orders.asked.put.values():
        storage.find(whole.orders.address(url, first))


def check_apart(whole: Batch) -> None:
    """BatchError where two combinations have one event folder or put to one address, or a folder has no fit name.

    Of a very large batch the patterns are judged and not each of its combinations.
    """
    orders = whole.orders
    patterns = {"the event folder": orders.asked.eventdir}
    patterns |= {f"--put {name}": url for name, url in orders.asked.put.items()}
    for what, pattern in patterns.items():
        _check_pattern(whole, what, pattern)
    seen: dict[str, int] = {}
    for one in islice(whole, MOST_COMPARED):
        folder = orders.folder(one)
        if fault := name_fault(folder.name):
            raise BatchError(f"{folder}: the name of an event's folder {fault}; use {{{NUMBER}}} in --eventdir")
        for what in (f"the event folder {folder}", *(orders.address(url, one) for url in orders.asked.put.values())):
            if seen.setdefault(what, one.number) != one.number:
                raise BatchError(
                    f"{what} would be of two combinations, number {seen[what]} and {one.number} ({_shown(one)}); "
                    f"{_APART}"
                )


def _check_pattern(whole: Batch, what: str, pattern: str) -> None:
    """A pattern without one of the parameters is the same for all values of that."""
    names = names_in(pattern)
    names += names_in(whole.orders.asked.eventdir) if EVENT in names else []
    several = [one.name for one in whole.parameters if len(one.places) > 1 and one.name not in names]
    if several and NUMBER not in names and len(whole) > MOST_COMPARED:
        raise BatchError(f"{what} {pattern} would be of two combinations, since it lacks {several[0]}; {_APART}")


def _shown(one: Combination) -> str:
    return ", ".join(f"{name}={value}" for name, value in one.values.items())


def _check_files(asked: Asked) -> None:
    for name in (*asked.get, *asked.put):
        if fault := name_fault(name):
            raise BatchError(f"{name!r} cannot be a file of an event: its name {fault}")
    if read_only := [url for url in asked.put.values() if url.startswith(("https://", "http://"))]:
        raise BatchError(f"--put {read_only[0]}: https:// is to read only; put it to a path or to s3://")
    if missing := [name for name in asked.format if name not in asked.get]:
        raise BatchError(f"--format {missing[0]}: it is not fetched; say --get {missing[0]}=URL")
    results = [name.removesuffix(TEMPLATE) for name in asked.format]
    if clash := [name for name in results if name not in asked.format and name in asked.get]:
        raise BatchError(f"{clash[0]} is fetched, and made of {clash[0]}{TEMPLATE} as well; keep one of them")
    if asked.discard and not asked.put:
        raise BatchError("--discard would leave nothing: say with --put what is to be kept, and where")


def _fixed(asked: Asked, environ: Mapping[str, str]) -> dict[str, str]:
    """What is set, and of the environment what patterns name and nobody lists or sets."""
    words = {"--eventdir": asked.eventdir, "--errdump": asked.errdump}
    words |= {f"{option} {name}": pattern for option, of in _OPTIONS.items() for name, pattern in of(asked).items()}
    fixed = dict(asked.set)
    per_event = {*asked.parameters, NUMBER, EVENT}
    for where, pattern in words.items():
        known = set() if where.split()[0] in _LISTS else per_event
        for name in names_in(pattern):
            if name in fixed or name in known:
                continue
            if name in environ:
                fixed[name] = environ[name]
                continue
            there = ", ".join(sorted({*known, *fixed}))
            raise BatchError(
                f"{where}: {{{name}}} is unknown; list it (name=LISTFILE), set it (--set NAME=VALUE), or set the "
                f"variable {name}; there are {there or 'none'}"
            )
    return fixed


_LISTS = ("list", "--skip")
_OPTIONS: Mapping[str, Callable[[Asked], Mapping[str, str]]] = {
    "list": lambda asked: asked.parameters,
    "--skip": lambda asked: asked.skip,
    "--get": lambda asked: asked.get,
    "--put": lambda asked: asked.put,
}


def _flags(asked: Asked) -> dict[str, str | bool]:
    try:
        return parse_flags(list(asked.flags), Flags()).as_dict()
    except ValueError as error:
        raise BatchError(str(error)) from error


def _parameter(name: str, asked: Asked, fixed: Mapping[str, str], storage: Storage) -> Parameter:
    source = filled(asked.parameters[name], fixed, {})
    found = Parameter(name, source, _listed(source, storage))
    if name not in asked.skip:
        return found
    return found.without(_listed(filled(asked.skip[name], fixed, {}), storage))


def _listed(source: str, storage: Storage) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="llama-batch-") as folder:
        here = Path(folder, "list")
        try:
            storage.get(source, here)
        except NoSuchObject as error:
            raise BatchError(f"the list {source} is not there") from error
        return read_values(here, source)
