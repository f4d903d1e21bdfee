"""The sky map that a result rests on, in words: which, who made it, and what is to be known of it."""

from __future__ import annotations

from dataclasses import dataclass

from llama.analyses.result import MapHeader, ResultInputs
from llama.analyses.telling.sources import localisation
from llama.formats.skymap_maker import maker


@dataclass(frozen=True, slots=True)
class SkymapUsed:
    """What the alert and the map's own header say.

    Attributes:
        named: the map that the notice names, which need not be the one used.
        maker: who made the map used, as its header says; empty when it does not.
        doubt: why the map seems to be of something else; empty when nothing says so.
        read: what was odd in the map's file and how it was read; empty for most.
    """

    named: str = ""
    maker: str = ""
    doubt: str = ""
    read: str = ""

    @classmethod
    def of(cls, inputs: ResultInputs) -> SkymapUsed:
        """From the inputs of a result; results of earlier versions know less."""
        said = inputs.gw_skymap_header or MapHeader()
        return cls(
            named=inputs.gw_skymap_info.skymap_filename or "",
            maker=maker({"CREATOR": said.creator or "", "ORIGIN": said.origin or ""}),
            doubt=said.doubt or "",
            read=said.read or "",
        )

    def __str__(self) -> str:
        """The notice's name for it where the file's own header agrees, else what each says.

        Who made it is what its header says, never what a name suggests: the notice may name another map.
        """
        method = localisation(self.named).partition(",")[0]
        if self.maker and method and self.maker.lower().startswith(method.lower()):
            return f"{self.named}, made by {self.maker}"
        named = f"; the notice names {self.named}" if self.named else ""
        made = f"made by {self.maker}, as its header says" if self.maker else "its header does not say who made it"
        return f"{made}{named}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people are to know of it before they trust the result."""
        return tuple(filter(None, (self.doubt, self.read)))

    @property
    def method(self) -> str:
        """The method that made it, to be cited; else who made it."""
        return localisation(self.maker) or self.maker or "its header does not say who made it"

    @property
    def lines(self) -> tuple[str, ...]:
        """All of that for a list of remarks."""
        return (f"Sky map: {self}", *self.remarks)
