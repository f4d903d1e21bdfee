"""Avro as SCiMMA sends it: one record in a container file that carries its schema."""

from __future__ import annotations

import io
from typing import Any

import msgspec

from llama.formats.errors import NoticeError
from llama.formats.notice_json import MAX_JSON_BYTES

_MAGIC = b"Obj\x01"


def is_avro(data: bytes) -> bool:
    """Whether it is a container file, by its first bytes."""
    return data.startswith(_MAGIC)


def avro_record(data: bytes) -> dict[str, Any]:
    """The one record in a container file; NoticeError for anything else, and when the library for it is not there."""
    if len(data) > MAX_JSON_BYTES:
        raise NoticeError(f"Avro of {len(data)} bytes; a notice has at most {MAX_JSON_BYTES}")
    try:
        import fastavro
    except ImportError:
        raise NoticeError("Avro needs the library fastavro: pip install 'llama-astro[scimma]'") from None
    try:
        reader = fastavro.reader(io.BytesIO(data))
        # Blocks that unpack to any length whatever are not asked for
        if reader.codec not in ("null", None):
            raise NoticeError(f"Avro packed as {reader.codec!r}; notices come unpacked")
        records = [record for record, _ in zip(reader, range(2), strict=False)]
    except NoticeError:
        raise
    except Exception as error:
        raise NoticeError(f"malformed Avro: {type(error).__name__}: {error}; get the notice again") from error
    if len(records) == 1 and isinstance(records[0], list):  # hop's writer makes a record of a list of one
        records = records[0]
    if len(records) != 1 or not isinstance(records[0], dict):
        raise NoticeError("Avro with no or several records; a notice is one")
    return records[0]


def as_json(data: bytes) -> bytes:
    """The record in JSON: bytes, such as a sky map, become base64, as in JSON notices."""
    record = avro_record(data)
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, RecursionError) as error:
        raise NoticeError(f"Avro with a value that JSON cannot hold: {error}") from error
