"""`search.json`: the search of each population, parameters and sources. People edit it, so nothing is taken on trust.

{"bns": {"parameters": {"beaming": 10.0, …}, "sources": {"beaming": "…", …}}, …}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from llama.advice import Advice
from llama.formats.errors import RecordError
from llama.formats.limits import MAX_RECORD_BYTES, read_limited
from llama.formats.records import to_json
from llama.science.search import DistanceMode, PValueFrom, Search
from llama.science.significance import PARAMETERS, Searches, SearchRecord, parameters

_SINCE = {"p_value_from": "map"}
"""What searches of earlier versions do not have, and what it is then. It is not written where it is that, so that
files, and events that were made with them, stay as they were."""
_DEFAULT = "the default: docs/decisions/own-map-p-values.md"
_PRINT_ONE = Advice(("search", "show", "cbc", "--json"))
_SHAPE = f'a search is {{"parameters": {{…}}, "sources": {{…}}}} under its name; {_PRINT_ONE} prints one'


class SearchesFile:
    """Every key there once, none beside them, each parameter with its source."""

    def write(self, value: Searches, path: Path) -> None:
        path.write_bytes(self.encode(value))

    def read(self, path: Path) -> Searches:
        return self.decode(read_limited(path, MAX_RECORD_BYTES, "a search file"))

    def encode(self, value: Searches) -> bytes:
        return to_json(
            {
                name: _without_defaults(parameters(record.search), dict(record.sources))
                for name, record in value.records.items()
            }
        )

    def decode(self, data: bytes) -> Searches:
        """The searches in `data`; RecordError names the search and the key that is wrong."""
        try:
            found = json.loads(data, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:  # also what is no UTF-8, or nested without end
            raise RecordError(str(error)) from error
        if not isinstance(found, dict) or not found:
            raise RecordError(f"no search in it: {_SHAPE}")
        return Searches({name: _record(name, record) for name, record in found.items()})


def _without_defaults(numbers: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    for key, value in _SINCE.items():
        if (numbers[key], sources.get(key)) == (value, _DEFAULT):
            del numbers[key], sources[key]
    return {"parameters": numbers, "sources": sources}


def _record(name: str, found: object) -> SearchRecord:
    if not isinstance(found, dict) or set(found) != {"parameters", "sources"}:
        raise RecordError(f"{name}: {_SHAPE}")
    given, sources = found["parameters"], found["sources"]
    if not isinstance(given, dict) or not isinstance(sources, dict):
        raise RecordError(f"{name}: {_SHAPE}")
    new = {key: value for key, value in _SINCE.items() if key not in given}
    given, sources = {**given, **new}, {**sources, **dict.fromkeys(new, _DEFAULT)}
    if unknown := [key for key in given if key not in PARAMETERS]:
        raise RecordError(f"{name}: no parameter {', '.join(unknown)}; there are {', '.join(PARAMETERS)}")
    if missing := [key for key in PARAMETERS if key not in given]:
        raise RecordError(f"{name}: parameters lacks {', '.join(missing)}")
    for key, choices in (("distance_mode", get_args(DistanceMode)), ("p_value_from", get_args(PValueFrom))):
        if given[key] not in choices:
            raise RecordError(f"{name}: {key} is {given[key]!r}; there are {', '.join(choices)}")
    try:
        search = msgspec.convert({"name": name, **given}, Search)
        return SearchRecord(search, msgspec.convert(sources, dict[str, str]))
    except ValueError as error:
        told = str(error)  # the record's own messages begin with its name
        raise RecordError(told if told.startswith("search ") else f"{name}: {told}") from error


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is given more than once")
    return result


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number a search can have")
