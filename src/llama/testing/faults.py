"""How a server of tests misbehaves when it is told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

Kind = Literal["status", "stall", "half", "nothing", "longer", "shorter", "garbage", "lost"]


@dataclass
class Fault:
    """Something that goes wrong with the next requests whose path holds `where`.

    Attributes:
        kind: `status` answers with one; `stall` says nothing for `seconds`; `half` sends half of what it announced
            and hangs up; `nothing` sends no bytes; `longer` and `shorter` announce other lengths than they send;
            `garbage` sends something that is no answer; `lost` does what was asked and hangs up without a word.
        times: how often; -1 is for ever.
    """

    kind: Kind
    where: str = ""
    times: int = 1
    status: int = 500
    retry_after: str = ""
    seconds: float = 0.0


class Faults:
    """Those that are still to happen, in order."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """After those there are."""
        with self._lock:
            self._faults.append(fault)

    def next(self, path: str) -> Fault | None:
        """The one that this request meets; None when all goes well."""
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.where in path:
                    fault.times -= 1
                    return fault
        return None

    @property
    def left(self) -> int:
        """How many kinds of them are still to happen."""
        with self._lock:
            return sum(fault.times != 0 for fault in self._faults)

    def clear(self) -> None:
        """All goes well again."""
        with self._lock:
            self._faults.clear()
