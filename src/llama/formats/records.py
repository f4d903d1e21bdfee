"""JSON codecs: frozen dataclasses, plain JSON objects, text and raw bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from llama.formats.bom import without_bom
from llama.formats.errors import RecordError
from llama.formats.limits import MAX_RECORD_BYTES, MAX_SKYMAP_BYTES, read_limited, read_text

T = TypeVar("T")


def to_json(value: Any) -> bytes:
    """UTF-8 JSON with a trailing newline, the same bytes for the same value.

    Raises RecordError for NaN or an infinity: no number of ours may be either, and JSON has neither.
    """
    plain = msgspec.to_builtins(value)
    try:
        text = json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False)
    except ValueError as error:
        raise RecordError(f"{error}: {_first_non_finite(plain)} is not a finite number") from error
    return text.encode() + b"\n"


def _first_non_finite(value: Any, where: str = "$") -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return where
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if found := _first_non_finite(child, f"{where}.{key}"):
            return found
    return ""


class Record(Generic[T]):
    """A frozen dataclass as a JSON object. Unknown keys are ignored, missing ones need a default.

    With `whole`, the object must have every key and no other: where people write the file, a misspelt key must not
    quietly stand for the default.
    """

    def __init__(self, kind: type[T], *, whole: bool = False) -> None:
        self.kind = kind
        self._whole = whole

    def write(self, value: T, path: Path) -> None:
        path.write_bytes(to_json(value))

    def read(self, path: Path) -> T:
        return self.decode(read_limited(path, MAX_RECORD_BYTES, "a record"))

    def decode(self, data: bytes) -> T:
        """The record in `data`; RecordError says which field is wrong and how."""
        data = without_bom(data)
        try:
            record = msgspec.json.decode(data, type=self.kind)
            if self._whole:
                self._check_keys(msgspec.json.decode(data, type=dict[str, Any]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordError(str(error)) from error
        return record

    def _check_keys(self, given: dict[str, Any]) -> None:
        names = [field.name for field in msgspec.inspect.type_info(self.kind).fields]  # type: ignore[attr-defined]
        if unknown := [key for key in given if key not in names]:
            raise RecordError(f"no such key: {', '.join(unknown)}; there are {', '.join(names)}")
        if missing := [name for name in names if name not in given]:
            raise RecordError(f"it lacks {', '.join(missing)}")


class JsonObject:
    """Any JSON object as a dict."""

    def write(self, value: dict[str, Any], path: Path) -> None:
        path.write_bytes(to_json(value))

    def read(self, path: Path) -> dict[str, Any]:
        try:
            data = without_bom(read_limited(path, MAX_RECORD_BYTES, "a record"))
            return msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordError(str(error)) from error


class Text:
    """UTF-8 text."""

    def write(self, value: str, path: Path) -> None:
        path.write_text(value, encoding="utf-8")

    def read(self, path: Path) -> str:
        return read_text(path, MAX_RECORD_BYTES, "a text")


class Raw:
    """Bytes, kept as they are."""

    def write(self, value: bytes, path: Path) -> None:
        path.write_bytes(value)

    def read(self, path: Path) -> bytes:
        return read_limited(path, MAX_SKYMAP_BYTES, "a file of an event")
