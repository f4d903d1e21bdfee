"""What is asked for: typed, or written down in a study file (TOML), whose keys are those of the command."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from llama.formats.limits import MAX_SETTINGS_BYTES, read_text
from llama.studies.batch.errors import BatchError

Texts = Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """The words of a batch, in which nothing is filled in yet.

    Attributes:
        about: what it is for, for people.
        parameters: by name, the list of its values. skip: by name, a list of values that are left out.
        set: values of names that are not listed.
        get: by file of the event, where it comes from. put: by file of the event, where it goes.
        format: files that are templates.
        eventdir: the event's folder; empty stands for one named after all parameters.
        errdump: a folder, or the beginning of names, for what is to be known of those that failed.
        flags: of the events, as `llama flags` takes them.
        pipeline, only, upto: what is made, as `llama run` takes it with -p, -f and +f.
        public: whoever knows the address may read what is put.
        discard: an event's folder is removed once all of it is put.
    """

    about: str = ""
    parameters: Texts = field(default_factory=dict)
    skip: Texts = field(default_factory=dict)
    set: Texts = field(default_factory=dict)
    get: Texts = field(default_factory=dict)
    put: Texts = field(default_factory=dict)
    format: tuple[str, ...] = ()
    eventdir: str = ""
    errdump: str = ""
    flags: tuple[str, ...] = ()
    pipeline: str = ""
    only: tuple[str, ...] = ()
    upto: tuple[str, ...] = ()
    public: bool = False
    discard: bool = False

    def then(self, typed: Asked) -> Asked:
        """With what was typed besides: it goes before, by name and by file; an empty text takes away."""
        changes: dict[str, Any] = {}
        for one in fields(self):
            mine, its = getattr(self, one.name), getattr(typed, one.name)
            if isinstance(mine, Mapping):
                changes[one.name] = {name: text for name, text in {**mine, **its}.items() if text}
            else:
                changes[one.name] = its or mine
        if typed.only or typed.upto:
            changes |= {"only": typed.only, "upto": typed.upto}
        return replace(self, **changes)


def read_study(path: Path) -> Asked:
    """A study file; BatchError for a key that there is not, or a value of another kind."""
    try:
        content = tomllib.loads(read_text(path, MAX_SETTINGS_BYTES, "a study file"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BatchError(f"{path} is no study file: {error}") from error
    kinds = {one.name: getattr(Asked(), one.name) for one in fields(Asked)}
    for name, value in content.items():
        if name not in kinds:
            raise BatchError(f"{path}: there is no key {name}; there are {', '.join(kinds)}")
        content[name] = _as(kinds[name], value, f"{path}: {name}")
    return Asked(**content)


def _as(kind: object, value: Any, where: str) -> Any:
    if isinstance(kind, Mapping):
        if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
            return value
        raise BatchError(f"{where} must be a table of texts")
    if isinstance(kind, tuple):
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise BatchError(f"{where} must be a list of texts")
    if type(value) is not type(kind):
        raise BatchError(f"{where} is {value!r}; it must be {'text' if isinstance(kind, str) else 'true or false'}")
    return value
