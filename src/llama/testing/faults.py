"""How a server of tests misbehaves when it is told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from types import TracebackType
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


class FaultyServer:
    """A server of HTTP in a thread of its own, until the end of `with`, that goes wrong as it is told.

    Attributes:
        faults: that are still to happen.
        asked: method and path of each request, in order.
    """

    _server: ThreadingHTTPServer

    def __init__(self) -> None:
        self.faults = Faults()
        self.asked: list[str] = []

    def _serve(self) -> None:
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, status: int, *, times: int = 1, where: str = "", retry_after: str = "") -> None:
        """Answer the next requests whose method and path hold `where` with a status."""
        self.faults.add(Fault("status", where, times, status, retry_after))

    def stall(self, seconds: float, *, times: int = 1, where: str = "") -> None:
        """Say nothing for so long, then answer."""
        self.faults.add(Fault("stall", where, times, seconds=seconds))

    def send_half(self, *, times: int = 1, where: str = "") -> None:
        """Announce all and send half."""
        self.faults.add(Fault("half", where, times))

    def send_garbage(self, *, times: int = 1, where: str = "") -> None:
        """Send a page for people in place of an answer."""
        self.faults.add(Fault("garbage", where, times))
