"""The only reader of settings files and of the environment.

A setting comes from, in this order: the environment (`LLAMA_…`), `settings.toml` in the configuration folder
(`$XDG_CONFIG_HOME/llama`, else `~/.config/llama`), the default.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_type_hints

from llama.formats.errors import InputError
from llama.formats.limits import MAX_SETTINGS_BYTES, open_regular, read_text

_FOLDERS = ("data_dir", "cache_dir", "grb_notices")
_FILES = ("search", "populations", "grb_catalogue", "grb")

_OTHERWISE = {"grb_catalogue": "the archived notices (setting grb_notices)"}
"""What stands in for a file that is not named; for all others the packaged one."""


_NO_SETTINGS = ("LLAMA_TEST_", "LLAMA_TOY_")
"""What the tests tell each other."""


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, where it was set, and what it may be."""


@dataclass(frozen=True)
class About:
    """What a setting is for; the value of a secret one is never shown."""

    text: str
    secret: bool = False


@dataclass(frozen=True)
class Settings:
    """Everything a person can set. The environment variable of `data_dir` is `LLAMA_DATA_DIR`, and so on."""

    data_dir: Annotated[Path, About("where events, archives and logs are kept")]
    cache_dir: Annotated[Path, About("what can be fetched or computed again")]
    neutrinos: Annotated[str, About("where neutrinos come from: archive or simulated")] = "archive"
    simulated_season: Annotated[str, About("whose events the simulated source draws from")] = "IC86-2011"
    search: Annotated[Path | None, About("search records (JSON) in place of the packaged ones")] = None
    populations: Annotated[Path | None, About("p-value tables in place of the packaged populations.hdf5")] = None
    grb_notices: Annotated[Path | None, About("archived notices with gamma-ray bursts, else gcn in data_dir")] = None
    grb_catalogue: Annotated[Path | None, About("a GBM burst catalogue (CSV) in place of the notices")] = None
    grb: Annotated[Path | None, About("a gamma-ray burst model (JSON) in place of the packaged one")] = None
    workers: Annotated[int, About("how many steps run at once, 0 for one per core")] = 0

    @property
    def current_run(self) -> Path:
        """The folder of this observing run's events."""
        return self.data_dir / "current_run"

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


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in force. Raises SettingsError when one cannot be used."""
    environ = os.environ if environ is None else environ
    given = _from_file(_base(environ, "XDG_CONFIG_HOME", ".config") / "settings.toml")
    for name in _abouts():
        variable = f"LLAMA_{name.upper()}"
        if environ.get(variable):
            given[name] = (environ[variable], f"${variable}")
    defaults: dict[str, object] = {
        "data_dir": _base(environ, "XDG_DATA_HOME", ".local/share"),
        "cache_dir": _base(environ, "XDG_CACHE_HOME", ".cache"),
    }
    settings = Settings(**(defaults | {name: _value(name, *source) for name, source in given.items()}))  # type: ignore[arg-type]
    if settings.neutrinos not in ("archive", "simulated"):
        raise SettingsError(f"setting neutrinos is {settings.neutrinos!r}; it may be archive or simulated")
    return settings


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like settings and are none, each with the setting that is spelt most like it (or ``)."""
    known = [f"LLAMA_{name.upper()}" for name in _abouts()]
    unknown = sorted(name for name in environ if name.startswith("LLAMA_") and name not in known)
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), "")
        for name in unknown
        if not name.startswith(_NO_SETTINGS)
    }


def describe(settings: Settings) -> str:
    """Two lines per setting: its variable and value (secrets hidden), and what it is for."""
    lines = []
    for name, about in _abouts().items():
        value = getattr(settings, name)
        shown = "(not set)" if value is None else "(hidden)" if about.secret else value
        lines.append(f"LLAMA_{name.upper()}={shown}\n    {about.text}")
    return "\n".join(lines)


def _abouts() -> dict[str, About]:
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _base(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    root = environ.get(variable)
    # The XDG rules: a relative path there is to be ignored
    base = Path(root) if root and Path(root).is_absolute() else Path(environ.get("HOME") or Path.home()) / fallback
    return base / "llama"


def _from_file(path: Path) -> dict[str, tuple[object, str]]:
    if not path.exists():
        return {}
    try:
        content = tomllib.loads(read_text(path, MAX_SETTINGS_BYTES, "a settings file"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, InputError, OSError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if unknown := set(content) - set(_abouts()):
        raise SettingsError(f"{path}: no setting {', '.join(sorted(unknown))}; there are {', '.join(_abouts())}")
    return {name: (value, str(path)) for name, value in content.items()}


def _value(name: str, value: object, where: str) -> object:
    if name == "workers":
        try:
            count = int(str(value))
        except ValueError:
            count = -1
        if count < 0:
            raise SettingsError(f"{where}: workers is {value!r}; it must be a number, 0 for one per core")
        return count
    if not isinstance(value, str):
        raise SettingsError(f"{where}: {name} is {value!r}; it must be text")
    if name in _FILES:
        return _readable(name, Path(value).expanduser(), where)
    return Path(value).expanduser() if name in _FOLDERS else value


def _readable(name: str, path: Path, where: str) -> Path:
    try:
        with open_regular(path):
            return path
    except (InputError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else f"{error}"
        otherwise = _OTHERWISE.get(name, "the packaged one")
        raise SettingsError(
            f"{where}: {name} is {path}, which cannot be read ({why}); name a file, or leave it unset for {otherwise}"
        ) from error
