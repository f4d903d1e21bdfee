"""What a service promises, checked: what it lacks, that it opens and closes, and that its secrets stay hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llama.app import App
from llama.installed import Providers
from llama.ports import Provider, Service
from llama.sections import HIDDEN, Section
from llama.sections_read import fields_of
from llama.testing.messengers import WORD, judge
from llama.testing.worlds import environ

_PLANTED = "planted-s3cret-"


class _Only(Providers):
    """One service and no other."""

    def __init__(self, provider: Provider[Any]) -> None:
        super().__init__()
        self._loaded = {provider.key.name: provider}

    @property
    def sections(self) -> list[Section[Any]]:
        return [section for provider in self._loaded.values() for section in provider.sections]

    @property
    def broken(self) -> list[str]:
        return []


def check_service(provider: Provider[Any], folder: Path, variables: Mapping[str, str] | None = None) -> None:
    """AssertionError that says all that is wrong with a service, opened in a scratch folder and closed again.

    `variables` are the settings it needs; secrets that are not among them are planted. Opening must reach nobody.
    """
    key: Service[Any] = provider.key
    faults = [] if WORD.fullmatch(key.name) else [f"its key {key.name!r} must be one lower-case word"]
    fields = [one for section in provider.sections for one in fields_of(section)]
    faults += [
        f"setting {one.key} says nothing about itself: give it an About" for one in fields if not one.about.text
    ]
    given = dict(variables or {})
    with App.read(environ(folder, {}), _Only(provider)) as app:
        said = app.lacks(key) or ""
        required = [one.variables[0] for one in fields if one.required]
        faults += [f"without {name} it must say that it lacks it: {said!r}" for name in required if name not in said]
    secrets = {one.variables[0]: _PLANTED + one.key for one in fields if one.secret}
    with App.read(environ(folder, secrets | given), _Only(provider)) as app:
        faults += _opened(app, key)
        faults += _shown(app, provider)
    judge(f"service {key.name}", faults)


def _opened(app: App, key: Service[Any]) -> Iterator[str]:
    if why := app.lacks(key):
        yield f"with the settings given it still lacks something: {why}"
        return
    try:
        adapter: Any = app.service(key)
    except Exception as error:  # noqa: BLE001 - that is the fault
        yield f"it cannot be opened: {type(error).__name__}: {app.hide(str(error))}"
        return
    for time in ("once", "twice"):
        try:
            adapter.close()
        except Exception as error:  # noqa: BLE001 - that is the fault
            yield f"closed {time} it raises {type(error).__name__}: {app.hide(str(error))}"
    values = {value for secret in app.secrets for value in secret.seen}
    if any(value in f"{adapter!r} {adapter}" for value in values):
        yield f"its adapter shows a secret as text; keep the Secret, which shows itself as {HIDDEN}"


def _shown(app: App, provider: Provider[Any]) -> Iterator[str]:
    values = {value for secret in app.secrets for value in secret.seen}
    for section in provider.sections:
        found = app.section(section)
        if any(value in f"{found!r} {found}" for value in values):
            yield f"section {section.name} shows a secret; its type must be Secret"
    for one in (one for section in provider.sections for one in fields_of(section)):
        named = re.search(r"token|password|secret", one.key, flags=re.IGNORECASE)
        if named and one.kind is str:
            yield f"setting {one.key} of [{one.section}] is a text that everybody sees; its type must be Secret"
