"""GraceDB's answers as records of ours. What is not as GraceDB has it raises GraceDBError."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from llama.formats.errors import NoticeError
from llama.formats.values import utc
from llama.ports import GraceDBError, StoredFile, StoredNotice, Superevent

_KINDS = "preliminary|less-?significant|early-?warning|initial|update|counterpart|retraction"
_NOTICE_FILE = re.compile(rf"[A-Za-z0-9]+-(?:[0-9]+-)?(?:{_KINDS})\.json", re.IGNORECASE)
"""What the alerts' authors call a notice among other files of a superevent; servers before API v2 list it nowhere."""
PUBLIC = "public"


def superevent(record: object) -> Superevent:
    """What a search gave."""
    found = mapping(record, "a superevent")
    labels = found.get("labels")
    return Superevent(
        graceid=str(found.get("superevent_id", "")),
        labels=tuple(str(label) for label in labels) if isinstance(labels, list) else (),
    )


def files(log: object) -> list[StoredFile]:
    """The files that entries of a log brought, in order of time."""
    found = [_file(entry) for entry in rows(log, "log") if entry.get("filename")]
    return sorted(found, key=lambda one: (one.created, one.name, one.version))


def notices_among(stored: Iterable[StoredFile]) -> Iterator[StoredNotice]:
    """The public JSON notices among a superevent's files; what each is, only its content tells for sure."""
    for one in stored:
        if PUBLIC in one.tags and _NOTICE_FILE.fullmatch(one.name):
            yield StoredNotice(one.canonical, None, "json", one.created)


def numbered(answer: object, form: Literal["json", "voevent"]) -> Iterator[StoredNotice]:
    """The notices of a list that numbers them: `notices` or `voevents`. Those for members only are left out."""
    for row in rows(answer, "notices" if form == "json" else "voevents"):
        if row.get("internal") is True or not row.get("filename"):
            continue
        number = row.get("N")
        yield StoredNotice(
            file=f"{str(row['filename']).partition(',')[0]},{_version(row)}",
            number=number if isinstance(number, int) else None,
            form=form,
            created=_created(row),
        )


def rows(answer: object, name: str) -> list[dict[str, Any]]:
    """The list of that name in an answer."""
    found = mapping(answer, "an answer").get(name)
    if not isinstance(found, list):
        raise GraceDBError(f"GraceDB's answer has no list {name}; is [gracedb] service_url right?")
    return [mapping(row, f"an entry of {name}") for row in found]


def mapping(value: object, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise GraceDBError(f"{what} of GraceDB is no JSON object; is [gracedb] service_url right?")
    return value


def _file(entry: Mapping[str, Any]) -> StoredFile:
    tags = entry.get("tag_names")
    return StoredFile(
        name=str(entry["filename"]),
        version=_version(entry),
        created=_created(entry),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
    )


def _version(row: Mapping[str, Any]) -> int:
    found = row.get("file_version")
    return found if isinstance(found, int) and found >= 0 else 0


def _created(row: Mapping[str, Any]) -> str:
    """`2022-07-22 22:02:45 UTC` in its usual form; empty when it is not said."""
    if not row.get("created"):
        return ""
    try:
        return utc(str(row["created"]).replace(" UTC", "Z").replace(" ", "T"), "created")
    except NoticeError as error:
        raise GraceDBError(f"GraceDB's answer: {error}") from error
