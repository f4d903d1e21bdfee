"""Texts with `{name}` in them: addresses, names of folders, templates of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from string import Formatter

from llama.studies.batch.errors import BatchError

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UP = ".."


def names_in(pattern: str) -> list[str]:
    """The names in a pattern, each once."""
    return list(dict.fromkeys(_NAME.findall(pattern)))


def filled(pattern: str, fixed: Mapping[str, str], listed: Mapping[str, str]) -> str:
    """A pattern with its names filled in.

    `fixed` is what whoever typed it decides; `listed` comes from lists, and may not lead out of where the pattern
    leads, unless it is all of the pattern. BatchError for such a value, and for a name that neither has.
    """
    before = _put(pattern, {**{name: f"{{{name}}}" for name in listed}, **fixed}, pattern)
    found = _put(before, listed, pattern)
    if not _NAME.fullmatch(before) and _ups(found) > _ups(before):
        shown = ", ".join(f"{name}={listed[name]}" for name in names_in(before))
        raise BatchError(f"{pattern} with {shown} would lead out of its folder; correct the list")
    return found


def folder_filled(pattern: str, fixed: Mapping[str, str], listed: Mapping[str, str]) -> str:
    """A pattern of folders with its names filled in, of which none may be more than one folder's name."""
    for name in names_in(pattern):
        value = listed.get(name, "")
        if "/" in value or value.startswith("."):
            raise BatchError(
                f"{pattern} with {name}={value} would lead out of its folder; names of folders hold no slash and do "
                "not begin with a dot: use {number}"
            )
    return filled(pattern, fixed, listed)


def template_filled(text: str, values: Mapping[str, str], what: str, environ: Mapping[str, str]) -> str:
    """A template with its names filled in, from the environment where they have no other value; else BatchError.

    Other braces stay as they are, as JSON has them. A text that begins with doubled braces is one of Python's, in
    which all braces that are meant are doubled.
    """
    if not text.lstrip().startswith("{{"):
        return _put(text, _with(environ, values, names_in(text)), what)
    try:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise BatchError(f"{what}: {error}; double each brace that is to stay") from error
    values = _with(environ, values, names)
    for name in names:
        _known(name, values, what)
    return text.format_map(dict(values))


def _with(environ: Mapping[str, str], values: Mapping[str, str], names: Iterable[str]) -> Mapping[str, str]:
    """What is named and only the environment has, besides."""
    return {**{name: environ[name] for name in names if name in environ}, **values}


def _put(pattern: str, values: Mapping[str, str], what: str) -> str:
    fill: Callable[[re.Match[str]], str] = lambda match: _known(match[1], values, what)  # noqa: E731
    return _NAME.sub(fill, pattern)


def _known(name: str, values: Mapping[str, str], what: str) -> str:
    if name not in values:
        raise BatchError(
            f"{what} has {{{name}}}, which is neither listed nor set; there are {', '.join(sorted(values))}"
        )
    return values[name]


def _ups(path: str) -> int:
    return path.split("/").count(_UP)
