"""The flags of an event, what each allows, and the presets operators know. The engine is given them as a value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from llama.advice import RUN, Advice
from llama.engine.graph import FlagRules

_VETO = Advice(("event", "EVENT", "veto"))

Role = Literal["test", "observation"]


@dataclass(frozen=True, slots=True, eq=False)
class Flags(Mapping[str, str | bool]):
    """What may be done with an event. The default is the cautious one: a test that uploads nothing."""

    role: Role = field(
        default="test", metadata={"help": "test or observation; TEST in outputs also where the notice says test"}
    )
    online: bool = field(
        default=True, metadata={"help": "may ask the sources of neutrinos and bursts; off, what needs them is held"}
    )
    upload: bool = field(default=False, metadata={"help": "may write to services outside; this version has none"})
    icecube_upload: bool = field(
        default=False, metadata={"help": "may send to IceCube; kept for later, this version sends nothing"}
    )
    manual: bool = field(
        default=False, metadata={"help": f"left alone by {RUN} unless it is named (or downselected by manual)"}
    )
    blinded_neutrinos: bool = field(
        default=False, metadata={"help": "right ascensions of the neutrinos are scrambled; a change makes all anew"}
    )
    vetoed: bool = field(
        default=False, metadata={"help": f"nothing more is made; apart from {_VETO}, either suffices"}
    )

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise ValueError(f"flag role is {self.role!r}; it must be 'test' or 'observation'")
        for item in dataclasses.fields(self):
            if item.name != "role" and not isinstance(getattr(self, item.name), bool):
                raise ValueError(f"flag {item.name} must be true or false, not {getattr(self, item.name)!r}")

    @classmethod
    def of(cls, recorded: Mapping[str, object]) -> Flags:
        """What an event's journal holds, as it is read here.

        What it does not name is as nobody set it, and names that are not known here are left out. Where a value is
        not (a later version wrote it), nothing is allowed but what is allowed to all.
        """
        known = {item.name: recorded[item.name] for item in dataclasses.fields(cls) if item.name in recorded}
        try:
            return cls().replace(known)
        except ValueError:
            kept = {name: value for name, value in known.items() if name not in _ALLOWING and isinstance(value, bool)}
            return cls().replace(kept)

    def __getitem__(self, name: str) -> str | bool:
        if name not in self.__dataclass_fields__:  # asked very often, each time an event is judged
            raise KeyError(name)
        value: str | bool = getattr(self, name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (item.name for item in dataclasses.fields(self))

    def __len__(self) -> int:
        return len(dataclasses.fields(self))

    def replace(self, changes: Mapping[str, object]) -> Flags:
        """A copy with `changes` applied; unknown names raise ValueError."""
        known = {item.name for item in dataclasses.fields(self)}
        if unknown := set(changes) - known:
            raise ValueError(f"no flag called {', '.join(sorted(unknown))}; flags are {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]  # checked in __post_init__

    def as_dict(self) -> dict[str, str | bool]:
        """Plain values, in the order in which they are declared."""
        return {name: self[name] for name in self}


_ALLOWING = ("role", "upload", "icecube_upload")
"""What lets something out."""

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


def _vetoing(flags: Mapping[str, str | bool]) -> str | None:
    return "vetoed" if flags["vetoed"] else None


RULES = FlagRules(read=Flags.of, vetoing=_vetoing)
"""What the engine has to know of them."""


def meanings() -> dict[str, str]:
    """What each flag decides, for people."""
    return {item.name: item.metadata["help"] for item in dataclasses.fields(Flags)}


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
    if not any(item.name == name and item.type == "bool" for item in dataclasses.fields(Flags)):
        return text  # `replace` says what is wrong with it, if anything
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"flag {name}={text}: write true or false")
