"""What somebody may type, and why something stands as it does, as values; the only words every room shares.

An `Advice` is a command, named once where it is a constant, so that a test can try every one the program can give. A
`Reason` is a sentence that carries its advice: a terminal prints it, a page may make buttons of what it carries.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """A command that somebody may type, by its words after `llama`.

    Words in capitals stand for what only whoever reads it knows; `of` fills in those that are known.
    """

    words: tuple[str, ...]

    def of(self, **known: object) -> Advice:
        """With these words filled in, by the word that stands for each; ValueError for one that it has not."""
        if unknown := known.keys() - set(self.words):
            raise ValueError(f"{self} has no {', '.join(sorted(unknown))}")
        return Advice(tuple(str(known.get(word, word)) for word in self.words))

    def then(self, *words: str) -> Advice:
        """With more words at its end."""
        return Advice((*self.words, *words))

    @property
    def typed(self) -> str:
        """As it is typed in a shell."""
        return shlex.join(("llama", *self.words))

    def __str__(self) -> str:
        """As it stands in a sentence."""
        return f"`{self.typed}`"


@dataclass(frozen=True, slots=True, init=False)
class Reason:
    """Why something stands as it does: a sentence, in pieces of text and commands that may change it.

    Two are equal when they say and advise the same, however they were put together.
    """

    parts: tuple[str | Advice, ...]

    def __init__(self, *parts: str | Advice | Reason) -> None:
        found: list[str | Advice] = []
        for part in parts:
            for piece in part.parts if isinstance(part, Reason) else (part,):
                if isinstance(piece, str) and found and isinstance(found[-1], str):
                    found[-1] += piece
                elif piece:
                    found.append(piece)
        object.__setattr__(self, "parts", tuple(found))

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What may be done about it, in the order in which it is said."""
        return tuple(part for part in self.parts if isinstance(part, Advice))

    @classmethod
    def read(cls, text: str, advice: Iterable[Advice]) -> Reason:
        """One that was written down as its text and its advice; advice that the text does not say is left out."""
        parts: list[str | Advice] = []
        for one in advice:
            before, said, after = text.partition(str(one))
            if said:
                parts, text = [*parts, before, one], after
        return cls(*parts, text)

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


def advised(error: BaseException, hide: Callable[[str], str] = str) -> tuple[tuple[str, ...], ...]:
    """The words of what an error advises that was raised with a `Reason`, to be written down."""
    reasons = (part for part in error.args if isinstance(part, Reason))
    return tuple(tuple(map(hide, one.words)) for reason in reasons for one in reason.advice)


ADOPT = Advice(("event", "adopt"))
BACKGROUND_LISTS = Advice(("dev", "neutrinos", "background", "-p", "bns"))
CHECK = Advice(("event", "check"))
DV_INIT = Advice(("dev", "dv", "init"))
PUT = Advice(("com", "s3", "put", "-r", "FOLDER", "s3://BUCKET/FOLDER/"))
REMAKE = Advice(("event", "remake"))
REMAKE_FILE = Advice(("event", "EVENT", "remake", "FILE"))
REPAIR = Advice(("event", "repair"))
SEASON = Advice(("dev", "season"))
SHOW = Advice(("event",))
SIMULATE = Advice(("dev", "simulate"))
TRIALS = Advice(("dev", "trials"))
SHOW_EVENT = Advice(("event", "EVENT"))
UNLOCK = Advice(("event", "unlock"))
RUN = Advice(("run",))
RUN_ONCE = Advice(("run", "-o", "EVENT"))
START = Advice(("skymap_info",))
INSTALL_ICECUBE = Advice(("install", "icecube-3yr"))
VETO_RETRACTED = Advice(("event", "EVENT", "veto", "--why", "retracted"))
