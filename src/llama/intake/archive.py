"""Every message as it was received, before anything is made of it; and those that nobody could read.

The layout is known here alone: `YEAR-MONTH/DAY/NAME` by the day of arrival (UTC), and
`dead_letters/YEAR-MONTH/DAY/NAME` beside `NAME.reason.txt`. A file once there is never written again.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from llama.engine.folder import fsync_folder, storage_errors, utc
from llama.formats.errors import FormatError
from llama.formats.notice_json import is_json
from llama.formats.voevent import parse_voevent
from llama.formats.xmlsafe import is_xml
from llama.messengers import Message

DEAD_LETTERS = "dead_letters"
SUFFIXES = (".avro", ".json", ".xml")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_AVRO = b"Obj\x01"
_LONGEST_NAME = 120


def day_folder(root: Path, when: datetime) -> Path:
    """Where messages of a day are."""
    day = utc(when)
    return root / f"{day:%Y-%m}" / f"{day:%d}"


def files_between(root: Path, first: datetime, last: datetime) -> list[Path]:
    """Messages that arrived on the days from `first` to `last`, by name; of a folder without days, all that is there.

    Dead letters are copies of messages that are in the archive too, so those are not given a second time.
    """
    if not root.is_dir():
        return []
    roots = [root]
    if any(_MONTH.fullmatch(path.name) for path in root.iterdir()):
        days = (utc(last).date() - utc(first).date()).days + 1
        roots = [day_folder(root, first + timedelta(days=day)) for day in range(days)]
    found = (path for folder in roots for path in folder.rglob("*") if path.suffix in SUFFIXES)
    buried = root / DEAD_LETTERS
    return sorted(path for path in found if buried not in path.parents and not path.is_dir())


class Archive:
    """The archive in a folder, which need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, message: Message, *, now: datetime) -> Path:
        """Put the message there, on disk when this returns; the same message again is the same file."""
        return _keep(day_folder(self.root, now), _name(message), message.data)

    def bury(self, message: Message, reason: str, *, now: datetime) -> Path:
        """Keep what could not be understood beside the reason, under dead letters."""
        path = _keep(day_folder(self.root / DEAD_LETTERS, now), _name(message), message.data)
        said = f"{reason}\nheard on {message.topic or 'no topic'}\n"
        _keep(path.parent, f"{path.name}.reason.txt", said.encode())
        return path


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
        (".avro", lambda data: data.startswith(_AVRO)),
        (".xml", is_xml),
        (".json", is_json),
    )
    return next((suffix for suffix, matches in kinds if matches(data)), ".bin")
