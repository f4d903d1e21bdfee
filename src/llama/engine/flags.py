"""Typed flags of an event, and the presets operators know."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["test", "observation"]


@dataclass(frozen=True, slots=True)
class Flags:
    """What may be done with an event. The default is the cautious one: a test that uploads nothing."""

    role: Role = "test"
    online: bool = True
    upload: bool = False
    icecube_upload: bool = False
    manual: bool = False
    blinded_neutrinos: bool = False
    vetoed: bool = False

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise ValueError(f"flag role is {self.role!r}; it must be 'test' or 'observation'")
        for field in dataclasses.fields(self):
            if field.name != "role" and not isinstance(getattr(self, field.name), bool):
                raise ValueError(f"flag {field.name} must be true or false, not {getattr(self, field.name)!r}")

    def replace(self, changes: Mapping[str, object]) -> Flags:
        """A copy with `changes` applied; unknown names raise ValueError."""
        known = {field.name for field in dataclasses.fields(self)}
        if unknown := set(changes) - known:
            raise ValueError(f"no flag called {', '.join(sorted(unknown))}; flags are {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]  # checked in __post_init__

    def as_dict(self) -> dict[str, str | bool]:
        """Plain values, in the order in which they are declared."""
        return dataclasses.asdict(self)


_INTERNAL = Flags(role="observation", online=True, upload=True)
_PUBLIC = dataclasses.replace(_INTERNAL, icecube_upload=True)

PRESETS: Mapping[str, Flags] = {
    "DEFAULT": Flags(),
    "TRIGGERED_TEST": Flags(blinded_neutrinos=True),
    "TRIGGERED_INTERNAL": _INTERNAL,
    "TRIGGERED_PUBLIC": _PUBLIC,
    "RERUN": Flags(role="observation", online=True),
    "MANUAL": dataclasses.replace(_PUBLIC, manual=True),
}

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def parse_flags(words: list[str], base: Flags) -> Flags:
    """Read `PRESET` or `NAME=value` words in order, each applied to what came before.

    Raises ValueError with the list of what there is when a word is not understood.
    """
    flags = base
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            if word not in PRESETS:
                raise ValueError(
                    f"no flag preset {word!r}; presets are {', '.join(PRESETS)}, single flags NAME=value"
                )
            flags = PRESETS[word]
        else:
            flags = flags.replace({name: _value(name, value)})
    return flags


def _value(name: str, text: str) -> str | bool:
    if not any(field.name == name and field.type == "bool" for field in dataclasses.fields(Flags)):
        return text  # `replace` says what is wrong with it, if anything
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"flag {name}={text}: write true or false")
