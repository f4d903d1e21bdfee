"""What sections of the settings are made of: a service declares the one it reads; `llama.settings` reads them all.

    @dataclass(frozen=True)
    class TelluriumSettings:
        token: Annotated[Secret | None, About("lets us in")] = None

    TELLURIUM = Section("tellurium", TelluriumSettings)

reads `[tellurium] token = …` of settings.toml and `LLAMA_TELLURIUM_TOKEN`. A field is read by its type: str, Path,
bool, int, float, Literal (one of these words), Secret, tuple[str, ...], or one of them or None. One without a default
must be set before whatever declares it can be used.
"""

from __future__ import annotations

import hmac
import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar
from urllib.parse import quote

C = TypeVar("C")

HIDDEN = "(hidden)"


@dataclass(frozen=True)
class About:
    """What a setting is for, beside its type.

    Attributes:
        text: one line for people.
        variable: its environment variable where that is not `LLAMA_SECTION_KEY` (which is heard too).
        was: its key at the top of settings.toml before there were sections, which is still read.
        instead: for a Path that must be a readable file: what stands in when none is named.
        least: for numbers, the smallest there may be.
    """

    text: str
    variable: str = ""
    was: str = ""
    instead: str = ""
    least: float | None = None


@dataclass(frozen=True)
class Section(Generic[C]):
    """A section of the settings: its name, and the frozen dataclass whose annotated fields are its keys."""

    name: str
    fields: type[C]


class SecretError(Exception):
    """A secret that cannot be had, or would have been shown. The message never holds it."""


class Secret:
    """A text that nobody is to see: a password or a token. `reveal()` gives it, and nothing else does.

    It is known by where it comes from: an environment variable, a file (read when asked, so that it may be renewed),
    or, when it stands in the settings themselves, by its value.
    """

    __slots__ = ("_file", "_seen", "_value", "_variable")

    def __init__(self, value: str = "", *, variable: str = "", file: Path | None = None) -> None:
        self._value, self._variable, self._file = value, variable, file
        self._seen = {value} if value else set()

    def reveal(self) -> str:
        """The secret itself. Raises SecretError when it cannot be had any more."""
        if self._file is not None:
            found = _content(self._file)
            self._seen.add(found)
            return found
        if not self._value:
            raise SecretError(f"${self._variable} is not set in this process; set it, and start again")
        return self._value

    def reference(self) -> dict[str, str]:
        """Where it is, for another process; the value itself only when it has no other home."""
        if self._file is not None:
            return {"file": str(self._file)}
        return {"variable": self._variable} if self._variable else {"value": self._value}

    @property
    def seen(self) -> frozenset[str]:
        """Every value that this process has had of it, and so might show."""
        return frozenset(self._seen)

    @staticmethod
    def of(reference: Mapping[str, str], environ: Mapping[str, str]) -> Secret:
        """The secret that a `reference` speaks of."""
        if file := reference.get("file"):
            return Secret(file=Path(file))
        if variable := reference.get("variable"):
            return Secret(environ.get(variable, "").strip(), variable=variable)
        return Secret(reference["value"])

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        if self._file is not None or other._file is not None:
            return self._file == other._file
        return self._variable == other._variable and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((self._file, self._variable))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled: hand on the settings as text, and take it from them there")


def _content(file: Path) -> str:
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        # Not `from error`: a decoding error carries the bytes that it could not decode
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretError(f"{file}, which should hold a secret, cannot be read ({reason})") from None
    if not found:
        raise SecretError(f"{file} should hold a secret and is empty")
    return found


def hide(text: str, secrets: Iterable[Secret]) -> str:
    """The text with every secret in it hidden."""
    for value in _values(secrets):
        text = text.replace(value, HIDDEN)
    return text


def _values(secrets: Iterable[Secret]) -> list[str]:
    """What to look for, the longest first: one may be part of another."""
    values = {value for secret in secrets for value in secret.seen}
    # As it is, and as part of an address
    return sorted(values | {quote(value, safe="") for value in values}, key=len, reverse=True)


@contextmanager
def hiding(secrets: Iterable[Secret]) -> Iterator[None]:
    """For an adapter around what it does outside: an error that would show a secret becomes one that does not.

    Libraries put whole addresses and headers into their messages. An error whose account holds no secret passes as
    it is.
    """
    try:
        yield
    except Exception as error:
        kept = tuple(secrets)
        account = "".join(traceback.format_exception(error))
        if hide(account, kept) == account and hide(repr(error), kept) == repr(error):
            raise
        raise SecretError(f"{type(error).__name__}: {hide(str(error), kept)}") from None


class HidingFormatter(logging.Formatter):
    """A log in which secrets are hidden, tracebacks and all."""

    def __init__(self, form: str, date: str, secrets: Iterable[Secret]) -> None:
        super().__init__(form, date)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record), self._secrets)
