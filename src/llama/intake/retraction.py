"""A retraction goes as a file to every event of what it takes back, to those there are and to those to come.

It is no veto: what was made says from then on that it was taken back. What came before its event is kept in the
run's folder, `.llama/retractions/NAME/`.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EngineError, StorageError
from llama.engine.folder import Delivery, Event, Run, fsync_folder, storage_errors

FOLDER = Path(".llama") / "retractions"
WHY = "taken back before it came"


def take_back(delivery: Delivery, run: Run, *, now: datetime) -> tuple[list[Event], list[str]]:
    """Hand the files to every event of that name, after they are kept for those to come.

    Returns the events, and a sentence for each that could not take them: one locked file must not leave the others
    standing. A test replaces no notice that is there already, since that may be a real one.
    """
    _keep(delivery, run)
    here, away = (_of(events, delivery.event_id) for events in (run.events(), run.moved()))
    refused: list[str] = []
    for event in [*here, *away]:
        try:
            refused += _unusable(event) or _received(event, _news(delivery, event.path), delivery.why, now)
        except StorageError as error:
            if event in here or not _is_for_good(error):
                raise
            refused.append(f"{event.label} in {event.path.parent} did not take its retraction: {error}")
    return [*here, *away], refused


def _of(events: Iterable[Event], name: str) -> list[Event]:
    return [event for event in events if belongs(event.id, name)]


def _unusable(event: Event) -> list[str]:
    """A sentence for an event that cannot be opened, such as one of a past run on a network's disk."""
    try:
        Event.open(event.path)
    except StorageError:
        raise
    except EngineError as error:
        return [f"{event.label} did not take its retraction: {error}"]
    return []


def _is_for_good(error: StorageError) -> bool:
    """Whether waiting helps nothing: past runs may be kept where nobody writes any more."""
    return getattr(error.__cause__, "errno", None) in (errno.EROFS, errno.EACCES, errno.EPERM)


def belongs(event_id: str, name: str) -> bool:
    """Whether the event is one of that name: by hand `NAME`, of alerts `NAME-SERIAL-KIND`, a copy `NAME-…`.

    One too many does no harm: an event knows whether a notice is about it.
    """
    return event_id == name or event_id.startswith(f"{name}-")


def waiting(run: Run, event_id: str) -> dict[str, bytes]:
    """The retractions that were kept for an event of this id, by file name."""
    parts = event_id.split("-")
    folders = [run.path / FOLDER / "-".join(parts[:n]) for n in range(1, len(parts) + 1)]
    paths = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    return {path.name: path.read_bytes() for path in paths if not path.name.startswith(".")}


def hand_over(event: Event, files: Mapping[str, bytes], *, now: datetime) -> list[str]:
    """Give an event what took it back before it came; a notice it has already stays. A sentence if it is locked."""
    missing = {name: data for name, data in files.items() if not (event.path / name).exists()}
    return _received(event, missing, WHY, now)


def _received(event: Event, files: Mapping[str, bytes], why: str, now: datetime) -> list[str]:
    try:
        if files:
            event.receive(files, why=why, now=now)
    except StorageError:
        raise
    except EngineError as error:
        return [f"{event.label} did not take its retraction: {error}"]
    return []


def _keep(delivery: Delivery, run: Run) -> None:
    folder = run.path / FOLDER / delivery.event_id
    with storage_errors(run.path):
        folder.mkdir(parents=True, exist_ok=True)
        for filename, data in _news(delivery, folder).items():
            _write(folder / filename, data)


def _news(delivery: Delivery, folder: Path) -> dict[str, bytes]:
    """The files, but for those that a test would replace."""
    test = delivery.role == "test"
    return {name: data for name, data in delivery.files.items() if not (test and (folder / name).exists())}


def _write(path: Path, data: bytes) -> None:
    temporary = path.parent / f".{secrets.token_hex(8)}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)
