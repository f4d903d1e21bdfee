"""The only reader of settings files and of the environment.

A setting comes from, in this order: the environment (`LLAMA_…`), `settings.toml` in the configuration folder
(`$XDG_CONFIG_HOME/llama`, else `~/.config/llama`), the default. Settings stand in sections, one for each party
outside (`llama.sections` says how one is declared); what they were called before there were sections is still read.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from llama.formats.errors import InputError
from llama.formats.limits import MAX_SETTINGS_BYTES, read_text
from llama.sections import HIDDEN, About, Secret, SecretError, Section, hide
from llama.sections_own import ARCHIVE, CLUSTER, LISTEN, RUN, SCIENCE, SSH
from llama.sections_read import Field, SettingsError, Stated, fields_of, read_value, refuse_clashes

__all__ = [
    "ARCHIVE",
    "CLUSTER",
    "LISTEN",
    "OWN",
    "RUN",
    "SCIENCE",
    "SSH",
    "Settings",
    "SettingsError",
    "SettingsText",
    "Stated",
    "describe",
    "read_settings",
    "unknown_variables",
]  # fmt: skip

C = TypeVar("C")

_NO_SETTINGS = ("LLAMA_TEST_", "LLAMA_TOY_")
"""What the tests tell each other."""


@dataclass(frozen=True)
class Folders:
    """What stands above all sections. Their defaults depend on the environment, so they are always given."""

    data_dir: Annotated[Path, About("where events, archives and logs are kept")]
    cache_dir: Annotated[Path, About("what can be fetched or computed again")]


FOLDERS = Section("", Folders)
OWN: tuple[Section[Any], ...] = (FOLDERS, RUN, LISTEN, ARCHIVE, SCIENCE, CLUSTER, SSH)
"""Sections that belong to no service."""


class SettingsText(str):
    """Settings on their way to another process. Printed or logged it says only what it is: it may hold a secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(settings as text)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return str(self)


@dataclass(frozen=True)
class Settings:
    """Everything a person can set: `settings[SECTION]` is a section, read by its types.

    Attributes:
        given: by section and key, what was set and where; what is not there has its default.
        notes: what people should know about how they were set.
    """

    data_dir: Path
    cache_dir: Path
    given: Mapping[str, Mapping[str, Stated]] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __getitem__(self, section: Section[C]) -> C:
        """The section's values. Raises SettingsError for one that cannot be used, or that must be set and is not."""
        if why := self.lacks(section):
            raise SettingsError(why)
        given = self.given.get(section.name, {})
        try:
            return section.fields(
                **{one.key: read_value(one, given[one.key]) for one in fields_of(section) if one.key in given}
            )
        except ValueError as error:
            raise SettingsError(f"[{section.name}]: {hide(str(error), self.secrets)}") from None

    def lacks(self, section: Section[Any]) -> str | None:
        """What must be set before the section can be used; None when nothing."""
        given = self.given.get(section.name, {})
        missing = [one for one in fields_of(section) if one.required and one.key not in given]
        ways = (f"{one.key} of [{section.name}] in settings.toml, or {one.variables[0]}" for one in missing)
        return f"not set up: set {'; and '.join(ways)}" if missing else None

    def path(self, setting: str) -> Path | None:
        """The file that `section.key` names; None when it is not set."""
        section, _, key = setting.partition(".")
        found = self.given.get(section, {}).get(key)
        return Path(str(found.value)).expanduser() if found else None

    def having(self, section: str, **values: object) -> Settings:
        """The same with other values in one section."""
        changed = {key: Stated(value, "the program") for key, value in values.items()}
        return replace(self, given={**self.given, section: {**self.given.get(section, {}), **changed}})

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret that was given, to hide it."""
        return tuple(
            one.value for keys in self.given.values() for one in keys.values() if isinstance(one.value, Secret)
        )

    def to_text(self) -> SettingsText:
        """As text for another process, with nothing lost: secrets by reference to their variable or file.

        One that stands in settings.toml itself travels along, which is why the text hides itself where it is shown.
        """
        given = {
            section: {key: [_plain(one.value), one.where] for key, one in keys.items()}
            for section, keys in self.given.items()
        }
        folders = {"data_dir": str(self.data_dir), "cache_dir": str(self.cache_dir)}
        return SettingsText(json.dumps({**folders, "given": given, "notes": self.notes}))

    @staticmethod
    def from_text(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        """What `to_text` wrote. Secrets of variables are looked up in this process's environment."""
        environ = os.environ if environ is None else environ
        try:
            content = json.loads(text)
            given = {
                section: {key: Stated(_from_plain(value, environ), where) for key, (value, where) in keys.items()}
                for section, keys in content["given"].items()
            }
            return Settings(Path(content["data_dir"]), Path(content["cache_dir"]), given, tuple(content["notes"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            # Not `from error`: it may show the text
            raise SettingsError("this is not the text of settings, as Settings.to_text writes it") from None

    @property
    def current_run(self) -> Path:
        """The folder of this observing run's events."""
        return self.data_dir / "current_run"

    @property
    def past_runs(self) -> Path:
        """A folder for each earlier run, with its events."""
        return self.data_dir / "past_runs"

    @property
    def test_events(self) -> Path:
        """Where old test events are moved to."""
        return self.data_dir / "test_event_archive"

    @property
    def logs(self) -> Path:
        """One log file per program."""
        return self.data_dir / "logs"

    @property
    def notices(self) -> Path:
        """Every notice heard, by day."""
        return self.data_dir / "gcn"

    @property
    def archives(self) -> Path:
        """Where `llama install` puts large data."""
        return self.data_dir / "icecube"


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return {"secret": value.reference()}
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value


def _from_plain(value: object, environ: Mapping[str, str]) -> object:
    return Secret.of(value["secret"], environ) if isinstance(value, dict) else value


def read_settings(
    environ: Mapping[str, str] | None = None, sections: Sequence[Section[Any]] = (), absent: str = ""
) -> Settings:
    """The settings in force. Raises SettingsError when one cannot be used.

    `sections` are those of the services; `absent` says, in words, why there may be some missing.
    """
    environ = os.environ if environ is None else environ
    known = (*OWN, *sections)
    refuse_clashes(known)
    path = _base(environ, "XDG_CONFIG_HOME", ".config") / "settings.toml"
    given, notes = _from_file(path, known, absent)
    for section in known:
        for one in fields_of(section):
            if (found := _from_variables(one, environ)) is not None:
                given.setdefault(section.name, {})[one.key] = found
    defaults = {
        "data_dir": _base(environ, "XDG_DATA_HOME", ".local/share"),
        "cache_dir": _base(environ, "XDG_CACHE_HOME", ".cache"),
    }
    top = given.pop("", {})
    folders = {one.key: read_value(one, top[one.key]) for one in fields_of(FOLDERS) if one.key in top}
    settings = Settings(**(defaults | folders), given=given, notes=tuple(notes))
    for section in known[1:]:
        if settings.lacks(section) is None:
            _ = settings[section]  # wrong values are told now, not when they are first used
    return settings


def unknown_variables(environ: Mapping[str, str], sections: Sequence[Section[Any]] = ()) -> dict[str, str]:
    """Variables that look like settings and are none, each with the setting that is spelt most like it (or ``)."""
    known = [name for section in (*OWN, *sections) for one in fields_of(section) for name in one.all_variables]
    unknown = sorted(name for name in environ if name.startswith("LLAMA_") and name not in known)
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), "")
        for name in unknown
        if not name.startswith(_NO_SETTINGS)
    }


def describe(settings: Settings, sections: Sequence[Section[Any]] = ()) -> str:
    """Two lines per setting: its variable and value (secrets hidden), and what it is for."""
    lines = []
    for section in (*OWN, *sections):
        for one in fields_of(section):
            where = f"   ({one.key} of [{section.name}])" if section.name else f"   ({one.key})"
            lines.append(f"{one.variables[0]}={_shown(settings, section, one)}\n    {one.about.text}{where}")
    return "\n".join(lines)


def _shown(settings: Settings, section: Section[Any], one: Field) -> object:
    if not section.name:
        return getattr(settings, one.key)
    found = settings.given.get(section.name, {}).get(one.key)
    value = one.default if found is None else read_value(one, found)
    if isinstance(value, Secret) or (one.secret and found is not None):
        return HIDDEN
    return "(not set)" if value is None or (one.required and found is None) else value


def _base(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    root = environ.get(variable)
    # The XDG rules: a relative path there is to be ignored
    base = Path(root) if root and Path(root).is_absolute() else Path(environ.get("HOME") or Path.home()) / fallback
    return base / "llama"


def _from_variables(one: Field, environ: Mapping[str, str]) -> Stated | None:
    """What the environment says of one setting; SettingsError when it says two things."""
    found = {name: environ[name] for name in one.all_variables if environ.get(name)}
    if len(set(found.values())) > 1:
        raise SettingsError(f"{' and '.join(f'${name}' for name in found)} set the same thing; unset one of them")
    for name, value in found.items():
        if not one.secret:
            return Stated(value, f"${name}")
        if not value.strip():
            raise SettingsError(f"${name} is empty; give it a value, or unset it")
        if name.endswith("_FILE"):
            return Stated(_secret_file(value, f"${name}"), f"${name}")
        return Stated(Secret(value.strip(), variable=name), f"${name}")
    return None


def _from_file(
    path: Path, sections: Sequence[Section[Any]], absent: str
) -> tuple[dict[str, dict[str, Stated]], list[str]]:
    """By section and key what settings.toml says, and notes on old spellings."""
    given: dict[str, dict[str, Stated]] = {}
    notes = []
    by_name = {section.name: section for section in sections}
    old = {one.about.was: (section.name, one) for section in sections for one in fields_of(section) if one.about.was}
    for name, value in _content(path).items():
        if isinstance(value, dict):
            if name not in by_name or not name:
                there = ", ".join(filter(None, by_name))
                raise SettingsError(f"{path}: no section [{name}]{_near(name, by_name)}; there are {there}{absent}")
            found = {key: _of_section(by_name[name], key, one, path) for key, one in value.items()}
            entries = [(name, *entry) for entry in found.values()]
        elif name in old and name not in {one.key for one in fields_of(FOLDERS)}:
            section, one = old[name]
            notes.append(f"{path}: {name} is to be {one.key} under [{section}] now; the old spelling still works")
            entries = [(section, one.key, _given(one, one.key, value, str(path)))]
        elif name in by_name:
            raise SettingsError(f"{path}: {name} is a section; write [{name}] above its settings")
        elif homes := [f"[{one.name}]" for one in sections if one.name and name in {f.key for f in fields_of(one)}]:
            raise SettingsError(f"{path}: {name} stands above all sections; it belongs under {' or '.join(homes)}")
        else:
            entries = [("", *_of_section(FOLDERS, name, value, path, by_name))]
        for section, key, one_given in entries:
            if key in given.setdefault(section, {}):
                raise SettingsError(f"{path} sets {key} of [{section}] twice, once by its old spelling; keep one")
            given[section][key] = one_given
    return given, notes


def _content(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(read_text(path, MAX_SETTINGS_BYTES, "a settings file"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, InputError, OSError) as error:
        # Not `from error`: it may carry the bytes of a secret
        raise SettingsError(f"{path} cannot be read: {error}") from None


def _of_section(
    section: Section[Any], key: str, value: object, path: Path, others: Iterable[str] = ()
) -> tuple[str, Stated]:
    """A key of a section and what it was set to; SettingsError when there is none of that name."""
    known = {name: one for one in fields_of(section) for name in one.keys}
    where = f"{path} [{section.name}]" if section.name else str(path)
    if key not in known:
        there = ", ".join([*known, *(f"[{name}]" for name in others if name)])
        raise SettingsError(f"{where}: no setting {key}{_near(key, [*known, *others])}; there are {there}")
    return known[key].key, _given(known[key], key, value, where)


def _given(one: Field, key: str, value: object, where: str) -> Stated:
    if not one.secret:
        return Stated(value, where)
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: {key} must be text in quotes, and not empty")
    return Stated(_secret_file(value, where) if key.endswith("_file") else Secret(value.strip()), where)


def _secret_file(name: str, where: str) -> Secret:
    secret = Secret(file=Path(name).expanduser())
    try:
        secret.reveal()
    except SecretError as error:
        raise SettingsError(f"{where}: {error}") from None
    return secret


def _near(name: str, known: Iterable[str]) -> str:
    """The known name that is spelt most like it, as a question."""
    close = difflib.get_close_matches(name, [one for one in known if one], n=1)
    return f" (did you mean {close[0]}?)" if close else ""
