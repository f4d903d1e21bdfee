"""Every message as it was received, before anything is made of it; and those that nobody could read.

The layout is known here alone: `YEAR-MONTH/DAY/NAME` by the day of arrival (UTC), for older days `YEAR-MONTH/DAY.zip`
(see `packing`), and `dead_letters/YEAR-MONTH/DAY/NAME` beside `NAME.reason.txt`. A file once there is never written
again.
`heartbeats.jsonl` of a day has, line by line, the messages that say only that a broker is alive: one comes every
second, and a file for each would fill the disk with names. `.heard/YEAR-MONTH-DAY.jsonl` says of each message of a
day when and on which topic it came.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path, PurePath

import msgspec

from llama.engine.folder import append_line, fsync_folder, storage_errors, utc
from llama.formats.avro import is_avro
from llama.formats.errors import FormatError, InputError
from llama.formats.notice_json import is_json
from llama.formats.packed import Kept, members
from llama.formats.voevent import parse_voevent
from llama.formats.xmlsafe import is_xml
from llama.messengers import Message

DEAD_LETTERS = "dead_letters"
FETCHED = "fetched"
"""What was fetched later, by day too. It was not heard when it was written, so it is no sign of who listened."""
READ_SUFFIXES = (".avro", ".json", ".xml", ".voevent")
"""Ours, and another that people give to what they keep; in whatever letters."""
MESSAGES = (*READ_SUFFIXES, ".bin")
"""All that a message may be called at its end."""
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY = re.compile(r"[0-9]{2}")
_PACKED_DAY = re.compile(r"[0-9]{2}\.zip")
_ARRIVALS, HEARTBEATS = ".heard", "heartbeats.jsonl"
_LONGEST_NAME = 120


def day_folder(root: Path, when: datetime) -> Path:
    """Where messages of a day are."""
    day = utc(when)
    return root / f"{day:%Y-%m}" / f"{day:%d}"


def files_between(root: Path, first: datetime, last: datetime) -> list[Kept]:
    """Messages that arrived on the days from `first` to `last`, and all those of which the day is not known, by name.

    That of messages in no day's folder is not known: those are given for whatever days. Dead letters are copies of
    messages that are in the archive too, so those are not given a second time; what was fetched later is not given.
    `read_kept` reads one, packed or not; of a day's ZIP that cannot be read the ZIP itself is given.
    """
    if not root.is_dir():
        return []
    days = tuple(f"{day:%Y-%m}/{day:%d}" for day in (utc(first), utc(last)))
    wanted = (place for place in _places(root) if not (day := _day_of(place)) or days[0] <= day <= days[1])
    return sorted((kept for place in wanted for kept in _kept(place)), key=lambda kept: kept.parts)


def days_in(root: Path) -> list[tuple[date, Path]]:
    """The folders of days that are not packed, or not wholly, in order of time."""
    found = []
    for place in _places(root) if root.is_dir() else ():
        if place.is_dir() and not place.is_symlink() and (day := _day_of(place)):
            try:
                found.append((date.fromisoformat(day.replace("/", "-")), place))
            except ValueError:  # 2018-01/99 is no day of ours
                continue
    return sorted(found)


def _kept(place: Path) -> Iterator[Kept]:
    """The messages of a day or another folder, those packed in a day's ZIP, or a message that lies alone.

    The folder is looked at first: what is packed meanwhile is in the ZIP then.
    """
    try:
        loose = [*_inside(place)] if place.is_dir() else [place] if os.path.lexists(place) else []
    except FileNotFoundError:  # wholly packed this moment
        loose = []
    found = [path for path in loose if path.suffix.lower() in READ_SUFFIXES and not path.is_dir()]
    yield from found
    archive = packed_day(place)
    if not (_day_of(place) and archive.is_file()):
        return
    names = {path.name for path in found}
    try:
        yield from (one for one in members(archive) if one.name not in names and one.suffix.lower() in READ_SUFFIXES)
    except (InputError, OSError):
        yield archive  # whoever reads it says what is wrong with it


def packed_day(folder: Path) -> Path:
    """The ZIP of a day's folder, which need not be there."""
    return folder.with_name(f"{folder.name}.zip")


def _places(root: Path) -> Iterator[Path]:
    """What is in the archive, months as what is in them: day folders (also packed ones), other folders, files."""
    for path in root.iterdir():
        if _MONTH.fullmatch(path.name) and path.is_dir():
            yield from {one.with_suffix("") if _PACKED_DAY.fullmatch(one.name) else one for one in path.iterdir()}
        elif path.name not in (DEAD_LETTERS, FETCHED):
            yield path


def _inside(folder: Path) -> Iterable[Path]:
    """All that is in a folder. A link to one is followed where it stands for a day; others may lead in circles."""
    return folder.rglob("*") if _day_of(folder) or not folder.is_symlink() else ()


def _day_of(place: Path) -> str:
    """`2018-01/16` of a day's folder, also of one that is packed; empty for whatever else is there."""
    is_day = _MONTH.fullmatch(place.parent.name) and _DAY.fullmatch(place.name)
    return f"{place.parent.name}/{place.name}" if is_day and (place.is_dir() or packed_day(place).is_file()) else ""


class Arrival(msgspec.Struct, frozen=True):
    """A file of a day: where its message was heard and when, and what its broker calls it."""

    file: str
    topic: str
    id: str
    at: datetime


class Archive:
    """The archive in a folder, which need not exist yet; `within` it another folder for what was not heard."""

    def __init__(self, root: Path, within: str = "") -> None:
        self.root = root
        self._kept = root / within

    def keep(self, message: Message, *, now: datetime) -> Path:
        """Put the message there, on disk when this returns; the same message again is the same file."""
        folder = day_folder(self._kept, now)
        path = _keep(folder, _name(message), message.data)
        if message.topic and self._kept == self.root:
            line = msgspec.json.encode(Arrival(path.name, message.topic, message.id, utc(now)))
            _append(self._arrivals(folder), line)
        return path

    def keep_heartbeat(self, message: Message, *, now: datetime) -> Path:
        """Add what says only that a broker is alive to those of the day; it is on disk when this returns."""
        if b"\n" in message.data or not is_json(message.data):
            return self.keep(message, now=now)
        path = day_folder(self.root, now) / HEARTBEATS
        _append(path, message.data)
        return path

    def arrival(self, path: PurePath) -> Arrival | None:
        """What is known of a message in this archive, also of a dead letter; None for any other file."""
        day = path.parent
        if not (_MONTH.fullmatch(day.parent.name) and _DAY.fullmatch(day.name)):
            return None
        if day.parent.parent not in (self.root, self.root / DEAD_LETTERS):
            return None
        return self.arrivals(Path(day)).get(path.name)

    def arrivals(self, day: Path) -> dict[str, Arrival]:
        """By file name, what is known of the messages in a day's folder; nothing of those without a topic."""
        try:
            lines = self._arrivals(day).read_bytes().splitlines()
        except FileNotFoundError:
            return {}
        return {one.file: one for line in lines if (one := _arrival(line)) is not None}

    def _arrivals(self, day: Path) -> Path:
        return self.root / _ARRIVALS / f"{day.parent.name}-{day.name}.jsonl"

    def bury(self, message: Message, reason: str, *, now: datetime) -> Path:
        """Keep what could not be understood beside the reason, under dead letters."""
        path = _keep(day_folder(self.root / DEAD_LETTERS, now), _name(message), message.data)
        said = f"{reason}\nheard on {message.topic or 'no topic'}\n"
        _keep(path.parent, f"{path.name}.reason.txt", said.encode())
        return path


def _arrival(line: bytes) -> Arrival | None:
    """The line; None for one that a crash left unfinished."""
    try:
        return msgspec.json.decode(line, type=Arrival)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _append(path: Path, line: bytes) -> None:
    """A line more, on disk when this returns; many programs may do so at once."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        append_line(path, line)


def _keep(folder: Path, name: str, data: bytes) -> Path:
    """A new file of these bytes; another's of the same name is left alone, and ours gets a longer name."""
    stem, suffix = Path(name).stem, Path(name).suffix
    digest = hashlib.sha256(data).hexdigest()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for called in (name, f"{stem}-{digest[:12]}{suffix}", f"{stem}-{digest}{suffix}"):
            path = folder / called
            if _put(path, data) or path.read_bytes() == data:
                return path
    raise FileExistsError(f"{path} is there with another content; move it away")


def _put(path: Path, data: bytes) -> bool:
    """Whole or not at all; False when there is such a file already."""
    if path.exists():
        return False
    temporary = path.parent / f".{secrets.token_hex(8)}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)
    return True


def _name(message: Message) -> str:
    """The message's unique id as a file's name: its broker's, else its own, else the digest of its bytes."""
    suffix = _suffix(message.data)
    given = message.id or _own_id(message.data)
    readable = re.sub(r"[^A-Za-z0-9._+#-]+", "_", given.removeprefix("ivo://")).lstrip("._-").removesuffix(suffix)
    if not readable or len(readable) > _LONGEST_NAME:
        return readable[:_LONGEST_NAME] + hashlib.sha256(message.data).hexdigest()[:32] + suffix
    return readable + suffix


def _own_id(data: bytes) -> str:
    if not is_xml(data):
        return ""
    try:
        return parse_voevent(data).ivorn
    except FormatError:
        return ""


def _suffix(data: bytes) -> str:
    kinds: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
        (".avro", is_avro),
        (".xml", is_xml),
        (".json", is_json),
    )
    return next((suffix for suffix, matches in kinds if matches(data)), ".bin")
