"""How servers are named on a command line: ranges (`llama-{00..97}`), lists (`llama-{a,b}`) and globs (`llama-*`).

A shell expands these words where they are not quoted; we expand those that come through, by the same rules, so that
quoted and unquoted mean the same. The width of a range is kept: `{00..97}` begins with 00. Pure: no server is asked.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llama.fleet.errors import BadPattern

MOST_NAMES = 10_000
"""No command means more; a range that is longer is a slip."""

_RANGE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.(-?\d{1,9}))?")
_GROUP = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_MAGIC = re.compile(r"[*?\[]")
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Matched:
    """What words meant of the names that there are.

    Attributes:
        names: those that some word means, each once, in the order in which they were given.
        missed: words that mean none of them, expanded: of a range those names that are not there.
    """

    names: tuple[str, ...]
    missed: tuple[str, ...]


def is_glob(word: str) -> bool:
    """Whether a word without ranges can mean several names, or names that it does not spell."""
    return _MAGIC.search(word) is not None


def expand(word: str) -> tuple[str, ...]:
    """The words that ranges and lists of a word mean, in order; globs are left as they are.

    BadPattern when braces do not pair, hold neither a range nor a list, or mean more than `MOST_NAMES`.
    """
    texts = _GROUP.split(word)  # literal, group, literal, group, …, literal
    if any("{" in text or "}" in text for text in texts[::2]):
        raise BadPattern(f"{word!r}: its braces do not pair; write a range as {{00..97}}, a list as {{a,b}}")
    choices = [_choices(word, text) if index % 2 else (text,) for index, text in enumerate(texts)]
    count = 1
    for one in choices:
        count *= len(one)
    if count > MOST_NAMES:
        raise BadPattern(f"{word!r} means {count} names; the most is {MOST_NAMES}")
    return tuple("".join(parts) for parts in itertools.product(*choices))


def expanded(words: Iterable[str]) -> tuple[str, ...]:
    """All that words mean by their ranges and lists, each once, in order."""
    return tuple(dict.fromkeys(one for word in words for one in expand(word)))


def exact(words: Sequence[str]) -> tuple[str, ...]:
    """Words as names of servers that are to be: ranges are expanded, globs and what is no host name are refused.

    BadPattern names the word; also when one name is meant twice.
    """
    names: dict[str, str] = {}
    for word in words:
        for name in expand(word):
            _require_name(name)
            if name in names:
                raise BadPattern(f"{name} is named twice, by {names[name]!r} and by {word!r}; name each server once")
            names[name] = word
    if len(names) > MOST_NAMES:
        raise BadPattern(f"these are {len(names)} names; the most is {MOST_NAMES}")
    return tuple(names)


def matched(words: Iterable[str], known: Iterable[str]) -> Matched:
    """Which of the known names the words mean, and which words mean none.

    Case counts; a name may be known several times, and is told once.
    """
    names = tuple(dict.fromkeys(known))
    wanted = expanded(words)
    found = {word: {name for name in names if matches(word, name)} for word in wanted}
    every = set().union(*found.values())
    return Matched(
        names=tuple(name for name in names if name in every),
        missed=tuple(word for word in wanted if not found[word]),
    )


def matches(word: str, name: str) -> bool:
    """Whether a word whose ranges are expanded means this name."""
    return fnmatch.fnmatchcase(name, word) if is_glob(word) else name == word


def _choices(word: str, text: str) -> tuple[str, ...]:
    found = _RANGE.fullmatch(text)
    if found is not None:
        return _range(word, *found.groups())
    if "," in text:
        return tuple(text.split(","))
    raise BadPattern(f"{word!r}: {{{text}}} is neither a range such as {{00..97}} nor a list such as {{a,b}}")


def _range(word: str, first: str, last: str, step: str | None) -> tuple[str, ...]:
    """Numbers from first to last, both included, as wide as the wider of the two where one begins with 0."""
    begin, end, by = int(first), int(last), abs(int(step or 1)) or 1
    count = abs(end - begin) // by + 1
    if count > MOST_NAMES:
        raise BadPattern(f"{word!r} means {count} names; the most is {MOST_NAMES}")
    padded = any(re.match(r"-?0\d", one) for one in (first, last))
    width = max(len(first), len(last)) if padded else 0
    direction = by if end >= begin else -by
    return tuple(f"{begin + direction * index:0{width}d}" for index in range(count))


def _require_name(name: str) -> None:
    """BadPattern unless a server may have this name: that of a host, letters, digits, hyphens and dots."""
    if is_glob(name):
        raise BadPattern(
            f"{name!r} is a glob, and a server that is to be needs a name; ranges work: llama-{{00..97}}"
        )
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadPattern(
            f"{name!r} cannot be the name of a server: letters, digits, hyphens, dots; a letter or digit at both ends"
        )
