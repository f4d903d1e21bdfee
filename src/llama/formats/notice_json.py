"""A notice in JSON: read once, for every messenger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from llama.formats.bom import without_bom
from llama.formats.errors import NoticeError
from llama.formats.values import shown

MAX_JSON_BYTES = 64 * 1024 * 1024
"""The largest real ones, of gravitational waves, carry two maps of a few MB."""


def is_json(data: bytes) -> bool:
    """Whether it can only be JSON, by the first character."""
    return without_bom(data).lstrip()[:1] in (b"{", b"[")


def notice_object(data: bytes) -> dict[str, Any]:
    """The object that a JSON notice is; NoticeError for anything else."""
    if len(data) > MAX_JSON_BYTES:
        raise NoticeError(f"JSON of {len(data)} bytes; a notice has at most {MAX_JSON_BYTES}")
    try:
        notice = msgspec.json.decode(without_bom(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoticeError(f"malformed JSON: {error}; get the notice again from where it came") from error
    if not isinstance(notice, dict):
        raise NoticeError(f"a JSON {type(notice).__name__}, not the object that a notice is")
    return notice


def plain_name(name: str) -> str:
    """A field's name as schemas write it: `RA Dec-Error` is `ra_dec_error`."""
    return re.sub(r"[^a-z0-9$]+", "_", name.lower()).strip("_")


def plain_names(notice: Mapping[str, Any]) -> dict[str, Any]:
    """The notice with its fields' names in plain letters; NoticeError for a field that is there twice and differs."""
    found: dict[str, Any] = {}
    for name, value in notice.items():
        if found.setdefault(plain_name(name), value) != value:
            raise NoticeError(
                f"{name} is {shown(value)}, and {shown(found[plain_name(name)])} in other letters; keep one"
            )
    return found
