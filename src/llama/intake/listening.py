"""A listener's way in: archive the message, let messengers read it, deliver what they make of it."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EngineError, StorageError, UnsupportedFileSystem
from llama.engine.folder import Delivery, Event, Run
from llama.formats.errors import FormatError
from llama.intake.archive import Archive
from llama.intake.delivery import PUBLIC, Delivered, as_heard, deliver, raise_flags
from llama.intake.news import News
from llama.intake.numbering import Numbers
from llama.messengers import Message, Messenger

_LOG = logging.getLogger("llama.intake")


@dataclass(frozen=True)
class Heard:
    """What came of a message.

    Attributes:
        path: the message in the archive.
        delivered: what each messenger made of it.
        told: events of which a product asks its source again, because of this message.
        dead: it as a dead letter, when something could not be made of it; None when all went well.
    """

    path: Path
    delivered: tuple[Delivered, ...] = ()
    told: tuple[Event, ...] = ()
    dead: Path | None = None


class Intake:
    """A run's door for messages, kept for as long as they come.

    `observation` is the preset of flags that events of real, public alerts start with.
    """

    def __init__(
        self, run: Run, archive: Archive, messengers: Iterable[Messenger], observation: str = PUBLIC
    ) -> None:
        self.run = run
        self.observation = observation
        self.archive = archive
        self.messengers = tuple(messengers)
        self.numbers = Numbers(run.path)
        self._news = News(run)

    @property
    def topics(self) -> tuple[str, ...]:
        """What there is to listen to."""
        return tuple(sorted({topic for messenger in self.messengers for topic in messenger.topics}))

    def hear(self, message: Message, *, now: datetime) -> Heard:
        """Take a message in. When this returns all that comes of it is on disk, so its broker may forget it.

        What cannot be read, or is for an event that cannot take it, is a dead letter and raises nothing: the next
        message must be heard. A full or failing disk raises (StorageError, OSError), and the message is to be given
        again.
        """
        return self.make(message, self.archive.keep(message, now=now), now=now)

    def make(self, message: Message, path: Path, *, now: datetime, dead: Path | None = None) -> Heard:
        """What comes of a message that is in the archive already, and as a dead letter too if `dead` says where."""
        delivered: list[Delivered] = []
        told: list[Event] = []
        faults: list[str] = []
        asked = [one for one in self.messengers if (one.read or one.follower) and offered(one, message.topic)]
        for messenger in asked:
            came = None if messenger.read is None else self._take(messenger.name, messenger.read, message, now)
            if isinstance(came, Delivered):
                delivered.append(came)
            events = self._tell(messenger, message, path, now)
            if isinstance(events, list):
                told += events
            faults += [one for one in (came, events) if isinstance(one, str)]
        # Nobody knows whose a message without a topic is: that it is not another's is no fault of it
        if not message.topic and (delivered or told or len(faults) < len(asked)):
            faults = []
        if not faults:
            return Heard(path, tuple(delivered), tuple(told))
        return Heard(path, tuple(delivered), tuple(told), dead or self._bury(message, "\n".join(faults), now))

    def _tell(self, messenger: Messenger, message: Message, path: Path, now: datetime) -> list[Event] | str:
        """The events to which it is news; or why that cannot be known. Raises as `_take` does."""
        if messenger.follower is None:
            return []
        try:
            return self._news.tell(messenger.follower, message, path, now=now)
        except (MemoryError, StorageError, UnsupportedFileSystem, OSError):
            raise
        except FormatError as error:
            return f"{messenger.name}: {error}"
        except Exception as error:  # noqa: BLE001 - as in `_take`
            return f"{messenger.name} failed: {type(error).__name__}: {error}"

    def _take(
        self, name: str, read: Callable[[Message], Delivery | None], message: Message, now: datetime
    ) -> Delivered | str | None:
        """What came of it by one messenger; or why nothing could. Raises only what another time may go well."""
        try:
            found = read(message)
        except MemoryError:
            raise
        except FormatError as error:
            return f"{name}: {error}"
        except Exception as error:  # noqa: BLE001 - a messenger's own fault must not end those who listen
            return f"{name} failed: {type(error).__name__}: {error}"
        if found is None:
            return None
        if not isinstance(found, Delivery):
            return f"{name} failed: it gave {type(found).__name__}, not a Delivery"
        try:
            return self._deliver(found, now)
        except (StorageError, UnsupportedFileSystem):
            raise
        except (EngineError, TypeError, ValueError) as error:
            return f"{name}: {error}"

    def _deliver(self, found: Delivery, now: datetime) -> Delivered:
        delivered = deliver(as_heard(found, self.observation), self.run, now=now, update=True, numbers=self.numbers)
        raise_flags(found, delivered, self.run, self.observation, now=now)
        for event in delivered.events:
            _LOG.info("%s: %s%s", event.label, found.why, ", which it had before" if delivered.known else "")
        if found.takes_back and not delivered.events:
            _LOG.info("%s: no event of this name yet; it is kept for those to come", found.why)
        for sentence in delivered.refused:
            _LOG.error("%s", sentence)
        return delivered

    def _bury(self, message: Message, reason: str, now: datetime) -> Path:
        path = self.archive.bury(message, reason, now=now)
        _LOG.error("nothing could be made of a message on %s: %s; it is kept as %s", message.topic, reason, path)
        return path


def hears(messenger: Messenger, topic: str) -> bool:
    """Whether a messenger listens to a topic; its own may be patterns (`gcn.notices.fermi.*`)."""
    return any(fnmatch.fnmatchcase(topic, wanted) for wanted in messenger.topics)


def offered(messenger: Messenger, topic: str) -> bool:
    """Whether a messenger is to read a message of a topic, or of none."""
    return not topic or hears(messenger, topic)
