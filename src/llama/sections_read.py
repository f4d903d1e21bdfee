"""How the declared sections of the settings are read: each value by the type of its field."""

from __future__ import annotations

import dataclasses
import math
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from llama.formats.errors import InputError
from llama.formats.limits import open_regular
from llama.sections import About, Secret, Section

_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_LIST = tuple[str, ...]


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, where it was set, and what it may be."""


@dataclass(frozen=True)
class Stated:
    """What a setting was set to, as it was found, and where."""

    value: object
    where: str


@dataclass(frozen=True)
class Field:
    """One key of a section.

    Attributes:
        kind: its type, without the None of an optional one.
        variables: of the environment, the one to tell people first.
    """

    section: str
    key: str
    kind: Any
    about: About
    default: object
    required: bool
    variables: tuple[str, ...]

    @property
    def secret(self) -> bool:
        """Whether nobody is to see it."""
        return self.kind is Secret

    @property
    def keys(self) -> tuple[str, ...]:
        """What it is called in settings.toml: a secret may also be in a file of its own."""
        return (self.key, f"{self.key}_file") if self.secret else (self.key,)

    @property
    def all_variables(self) -> tuple[str, ...]:
        """Every variable it can be given by."""
        return self.variables + (tuple(f"{name}_FILE" for name in self.variables) if self.secret else ())


@lru_cache(maxsize=256)
def fields_of(section: Section[Any]) -> tuple[Field, ...]:
    """The keys of a section; SettingsError when one is of a type that settings cannot have."""
    if not (dataclasses.is_dataclass(section.fields) and re.fullmatch(r"[a-z][a-z0-9_]*|", section.name)):
        raise SettingsError(f"the section {section.name!r} must have a plain lower-case name and be a dataclass")
    hints = get_type_hints(section.fields, include_extras=True)
    return tuple(_field(section.name, one, hints[one.name]) for one in dataclasses.fields(section.fields) if one.init)


def _field(section: str, one: Any, hint: Any) -> Field:
    about = next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, About)), About(""))
    bare = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    kinds = [kind for kind in get_args(bare) if kind is not types.NoneType] if _is_union(bare) else [bare]
    if len(kinds) != 1 or not (kinds[0] in _READERS or _is_words(kinds[0])):
        raise SettingsError(
            f"the section [{section}] declares {one.name} as {bare}; a setting is str, Path, bool, int, float, "
            "Secret, tuple[str, ...], a Literal of texts, or one of them or None"
        )
    systematic = "_".join(filter(None, ("LLAMA", section.upper(), one.name.upper())))
    variables = tuple(dict.fromkeys(filter(None, (about.variable, systematic))))
    made = one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default
    required = made is dataclasses.MISSING
    return Field(section, one.name, kinds[0], about, None if required else made, required, variables)


def _is_words(kind: Any) -> bool:
    return get_origin(kind) is Literal and all(isinstance(word, str) for word in get_args(kind))


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def refuse_clashes(sections: Sequence[Section[Any]]) -> None:
    """SettingsError when two sections claim one name, or two settings one variable or key."""
    seen: dict[str, str] = {}
    for section in sections:
        declared = f"{section.fields.__module__}.{section.fields.__qualname__}"
        other = seen.setdefault(f"[{section.name}]", declared)
        if other != declared:
            raise SettingsError(f"two sections are called [{section.name}]: {other} and {declared}; rename one")
        for one in fields_of(section):
            mine = f"{one.key} of [{section.name}] ({declared})"
            names = [*one.all_variables, *(f"{section.name}.{key}" for key in one.keys)]
            for name in [*names, *([one.about.was] if one.about.was else [])]:
                if seen.setdefault(name, mine) != mine:
                    raise SettingsError(f"two settings are called {name}: {seen[name]} and {mine}; rename one")


def read_value(one: Field, given: Stated) -> Any:
    """A setting as its type says; SettingsError names the setting, where it was set, and what it may be."""
    value = given.value
    if one.secret:
        if isinstance(value, Secret):
            return value
        raise SettingsError(f"{given.where}: {one.key} is not a secret")  # its value is not for showing
    if isinstance(value, tuple):
        value = list(value)
    if get_origin(one.kind) is Literal:
        return _one_of(one, given, get_args(one.kind))
    what, reader = _READERS[one.kind]
    try:
        found = reader(value)
        if one.about.least is not None and found < one.about.least:
            raise ValueError
    except (ValueError, TypeError):
        least = "" if one.about.least is None else f" from {one.about.least:g} up"
        purpose = f" ({one.about.text})" if one.about.text else ""
        message = f"{given.where}: {one.key} is {value!r}; it must be {what}{least}{purpose}"
        raise SettingsError(message) from None
    return _readable(one, found, given.where) if one.about.instead else found


def _one_of(one: Field, given: Stated, words: tuple[object, ...]) -> object:
    if given.value in words:
        return given.value
    may = " or ".join(map(str, words))
    raise SettingsError(f"{given.where}: {one.key} is {given.value!r}; it may be {may}")


def _readable(one: Field, path: Path, where: str) -> Path:
    try:
        with open_regular(path):
            return path
    except (InputError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"{where}: {one.key} is {path}, which cannot be read ({why}); name a file, or leave it unset for "
            f"{one.about.instead}"
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not _text(value):
        raise ValueError
    return Path(_text(value)).expanduser()


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).strip().lower()
    if word not in (*_YES, *_NO):
        raise ValueError
    return word in _YES


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    found = float(value)
    if not math.isfinite(found):
        raise ValueError
    return found


def _texts(value: object) -> tuple[str, ...]:
    """A list of texts, or one text with commas between, as in a variable."""
    if isinstance(value, list):
        return tuple(_text(one) for one in value)
    return tuple(filter(None, (word.strip() for word in _text(value).split(","))))


_READERS: dict[Any, tuple[str, Callable[[object], Any]]] = {
    str: ("text", _text),
    Path: ("text that names a file or folder", _path),
    bool: ("true or false", _flag),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    _LIST: ("a list of texts", _texts),
    Secret: ("text", _text),
}
