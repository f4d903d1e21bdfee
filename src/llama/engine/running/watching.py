"""Which event folders are touched, as the operating system tells it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_LOG = logging.getLogger("llama.engine")
_POLL_MS = 1000
_STEP_MS, _DEBOUNCE_MS, _TIMEOUT_MS = 10, 50, 5000  # steps that write all the time hold up what comes so long
_ANEW_S = 1.0  # before a watch that failed begins again


class FolderChanges:
    """Follows a folder of events (or a single event's folder, `depth` 0) with file events.

    Where the operating system has too few watches left for that many folders, the folder is polled instead.
    """

    def __init__(self, root: Path, *, depth: int = 1) -> None:
        self._root = root.resolve()
        self._named = root.absolute()
        self._depth = depth
        self._lock = threading.Lock()
        self._touched: set[Path] = set()
        self._came = False
        self._begun = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, wake: Callable[[], None]) -> None:
        """Begin; what is touched after this returns is noticed."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(wake, ready), name="llama watch", daemon=True)
        self._thread.start()
        ready.wait(30)

    def take(self) -> tuple[set[Path], bool]:
        """Event folders touched since the last call, and whether any came or went."""
        with self._lock:
            answer = self._touched, self._came
            self._touched, self._came = set(), False
        return answer

    def stop(self) -> None:
        """End, and wait for the end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, wake: Callable[[], None], ready: threading.Event) -> None:
        poll, said = False, ""
        while not self._stop.is_set():
            if self._identity() is None:
                ready.set()
                self._wait_for_the_folder(wake)
                continue
            try:
                self._follow(wake, ready, poll=poll)
            except FileNotFoundError:  # it, or something in it, went away just now
                self._stop.wait(_STEP_MS / 1000)
                continue
            except OSError as error:
                if not poll:
                    _LOG.warning("polling %s, since it cannot be watched: %s", self._root, error)
                poll = True
            except Exception as error:  # noqa: BLE001 - a name that is not UTF-8 ends the library's watch, not ours
                if str(error) != said:
                    said = str(error)
                    _LOG.warning("watching %s anew: %s", self._root, said)
            if self._identity() is not None:
                self._stop.wait(_ANEW_S)

    def _wait_for_the_folder(self, wake: Callable[[], None]) -> None:
        """Until it is there; then everything in it is new."""
        _LOG.warning("%s is not there: waiting for it", self._named)
        self._note_all()
        wake()
        while self._identity() is None and not self._stop.wait(_ANEW_S):
            pass
        if not self._stop.is_set():
            _LOG.warning("%s is there: watching it", self._named)
        self._begun = True

    def _identity(self) -> tuple[int, int] | None:
        """Which folder is there under that name; None when there is none."""
        try:
            found = self._root.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _note_all(self) -> None:
        """Anything may have been touched."""
        with self._lock:
            self._came = True
            if not self._depth:
                self._touched.add(self._named)
                return
            with suppress(OSError):
                self._touched |= {
                    self._named / path.name for path in self._root.iterdir() if not path.name.startswith(".")
                }

    def _follow(self, wake: Callable[[], None], ready: threading.Event, *, poll: bool) -> None:
        # The documented lower layer of watchfiles: its `watch` cannot say when it has begun.
        from watchfiles._rust_notify import RustNotify

        watched = self._identity()
        with RustNotify([str(self._root)], False, poll, _POLL_MS, True, True) as watcher:
            ready.set()
            if self._begun:
                self._note_all()  # what happened between two watches, nobody tells
                wake()
            self._begun = True
            while not self._stop.is_set() and self._identity() == watched:
                batch = watcher.watch(_DEBOUNCE_MS, _STEP_MS, _TIMEOUT_MS, self._stop)
                if isinstance(batch, set) and self._note(Path(path) for _, path in batch):
                    wake()

    def _note(self, paths: Iterable[Path]) -> bool:
        """Remember what matters of these; whether anything did."""
        with self._lock:
            for path in paths:
                parts = path.relative_to(self._root).parts if path.is_relative_to(self._root) else ()
                folder, inside = parts[: self._depth], parts[self._depth :]
                if any(part.startswith(".") for part in folder) or len(folder) < self._depth:
                    continue
                if not inside:
                    self._came = True
                elif not inside[0].startswith(".") or inside == (".llama", "journal.jsonl"):
                    self._touched.add(self._named.joinpath(*folder))
            return self._came or bool(self._touched)
