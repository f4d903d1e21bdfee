"""Files that lie on the disk, or with others of their day in one ZIP: both are read alike.

A day of notices is many small files. In a ZIP each can still be read alone, and has a checksum of its own.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath

from llama.formats.errors import InputError
from llama.formats.limits import open_regular, read_limited, too_large

ZIP = ".zip"

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LOCAL = b"PK\x03\x04"


@dataclass(frozen=True)
class Packed:
    """One file in a ZIP, with what of a Path a reader asks for.

    Attributes:
        archive: the ZIP.
        name: of the file in it.
        offset, packed, size, crc, method: where it begins, its bytes packed and unpacked, their checksum, and how it
            is packed, as the ZIP's directory says.
    """

    archive: Path
    name: str
    offset: int
    packed: int
    size: int
    crc: int
    method: int

    @property
    def suffix(self) -> str:
        """The end of its name, `.json`."""
        return PurePath(self.name).suffix

    @property
    def parts(self) -> tuple[str, ...]:
        """As if it lay in a folder that is called like the ZIP."""
        return (*self.archive.with_suffix("").parts, self.name)

    def __str__(self) -> str:
        return f"{self.archive}/{self.name}"

    def read_bytes(self) -> bytes:
        """The file as it was packed. InputError when that is not what the ZIP holds."""
        with open_regular(self.archive) as file:
            file.seek(self.offset)
            head = file.read(_LOCAL_HEADER.size)
            if len(head) == _LOCAL_HEADER.size and head.startswith(_LOCAL):
                _, name, extra = _LOCAL_HEADER.unpack(head)
                file.seek(name + extra, 1)
                data = self._unpacked(file.read(self.packed))
                if len(data) == self.size and zlib.crc32(data) == self.crc:
                    return data
        raise InputError(f"{self} is damaged: put {self.archive.name} back from a backup")

    def _unpacked(self, data: bytes) -> bytes:
        if self.method == zipfile.ZIP_STORED:
            return data
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, self.size + 1)
        except zlib.error:
            return b""


Kept = Path | Packed


def members(archive: Path) -> list[Packed]:
    """The files in a ZIP. InputError for what is none, or packed in other ways than ours."""
    try:
        with open_regular(archive) as file, zipfile.ZipFile(file) as found:
            infos = [info for info in found.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise InputError(f"{archive} is no ZIP that can be read ({error})") from None
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise InputError(f"{archive} is packed in another way than by deflate")
    return [
        Packed(archive, one.filename, one.header_offset, one.compress_size, one.file_size, one.CRC, one.compress_type)
        for one in infos
    ]


def read_kept(kept: Kept, limit: int, what: str) -> bytes:
    """The bytes of either, as `read_limited`; a file that was packed since it was named is found in its ZIP."""
    if isinstance(kept, Packed):
        if kept.size > limit:
            raise InputError(too_large(kept.name, kept.size, limit, what))
        return kept.read_bytes()
    if kept.suffix == ZIP:
        members(kept)  # says what is wrong with it
    try:
        return read_limited(kept, limit, what)
    except FileNotFoundError:
        if (since := _packed_since(kept)) is None:
            raise
        return read_kept(since, limit, what)


def read_ends(kept: Kept, length: int, limit: int, what: str) -> bytes:
    """So many bytes of its beginning and of its end, all of it when that is no more; `limit` is for packed ones."""
    if isinstance(kept, Packed) or kept.suffix == ZIP or not kept.exists():
        data = read_kept(kept, limit, what)
        return data if len(data) <= 2 * length else data[:length] + b"\n" + data[-length:]
    with open_regular(kept) as file:
        head = file.read(length)
        size = os.fstat(file.fileno()).st_size
        if size <= len(head):
            return head
        file.seek(max(len(head), size - length))
        return head + b"\n" + file.read(length)


def _packed_since(path: Path) -> Packed | None:
    archive = path.parent.with_name(f"{path.parent.name}.zip")
    found = members(archive) if archive.is_file() else []
    return next((one for one in found if one.name == path.name), None)
