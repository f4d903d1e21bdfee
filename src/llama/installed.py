"""Which services are installed, ours and others', by the entry points `llama.services`; loaded when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from llama.engine.errors import EngineError
from llama.ports import Provider
from llama.sections import Section
from llama.sections_read import SettingsError, fields_of

GROUP = "llama.services"


class ServiceUnavailable(EngineError):
    """A service that a step needs is not set up here; the message says what to do."""


class Providers:
    """Services by the name of their key, which is that of their entry point. One that is broken harms no other."""

    def __init__(self) -> None:
        self._loaded: dict[str, Provider[Any]] = {}

    @cached_property
    def _entries(self) -> Mapping[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=GROUP):
            same = found.setdefault(entry.name, [])
            if entry.value not in [other.value for other in same]:  # a package may be found twice
                same.append(entry)
        return found

    def find(self, name: str) -> Provider[Any]:
        """How the service of that name is opened. Raises ServiceUnavailable when there is no such service, or two."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Provider[Any]:
        entries = self._entries.get(name, [])
        if not entries:
            again = "" if self._entries else "; install LLAMA again, its entry points have changed"
            raise ServiceUnavailable(f"this version has no connection to {name}{again}")
        if len(entries) > 1:
            both = " and ".join(_whose(entry) for entry in entries)
            raise ServiceUnavailable(f"{name} is served by {both}; uninstall all but one")
        where = f"the service {_whose(entries[0])}"
        try:
            provider = entries[0].load()
        except Exception as error:
            raise ServiceUnavailable(f"{where} cannot be loaded: {error}; mend or uninstall its package") from error
        if not isinstance(provider, Provider):
            raise ServiceUnavailable(f"{where} is no Provider of llama.ports; mend or uninstall its package")
        if provider.key.name != name:
            raise ServiceUnavailable(f"{where} serves {provider.key.name}; its entry point must have that name")
        try:
            for section in provider.sections:
                fields_of(section)
        except SettingsError as error:
            raise ServiceUnavailable(f"{where}: {error}") from error
        return provider

    @cached_property
    def _all(self) -> tuple[list[Section[Any]], list[str]]:
        sections: list[Section[Any]] = []
        broken: list[str] = []
        for name in sorted(self._entries):
            try:
                sections += [one for one in self.find(name).sections if one not in sections]
            except ServiceUnavailable as error:
                broken.append(str(error))
        return sections, broken

    @property
    def sections(self) -> list[Section[Any]]:
        """Every section of the settings that a service declares."""
        return self._all[0]

    @property
    def broken(self) -> list[str]:
        """What is wrong with services that cannot be used, one sentence each."""
        return self._all[1]


def _whose(entry: EntryPoint) -> str:
    package = f" of {entry.dist.name}" if entry.dist is not None else ""
    return f"{entry.value}{package}"
