"""The byte order mark that some editors put before a text, which belongs to no format of ours."""

from __future__ import annotations

_BOM = b"\xef\xbb\xbf"


def without_bom(data: bytes) -> bytes:
    """The bytes after a UTF-8 byte order mark, if there is one."""
    return data.removeprefix(_BOM)
