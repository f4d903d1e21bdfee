"""Large files go to a store in parts, which it puts together at the end; what was cut goes on with what is missing.

Parts that came stay in the store until the same file is put again, or whoever keeps the bucket has it forget them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, cast

from llama.ports import TransferRefused
from llama.services.storage.asking import Patience

PART = 16 * 1024 * 1024
_MOST_PARTS = 10_000


@dataclass(frozen=True)
class InParts:
    """How one file is put in parts.

    Attributes:
        place: Bucket and Key. more: what goes along with the whole (metadata, who may read it).
    """

    client: Any
    patience: Patience
    url: str
    place: dict[str, str]
    more: dict[str, Any]
    size: int

    def put(self, file: IO[bytes]) -> bool:
        """Whether it goes on with what somebody began: what went along with that is not known."""
        begun, there = self._begun(file)
        upload = begun or self._ask(self.client.create_multipart_upload, **self.more)["UploadId"]
        tags: list[str] = []
        for number, part in enumerate(_parts(file, self._part), 1):
            if number in there:
                tags.append(there[number])
                continue
            sent = {"Body": part, "PartNumber": number, "ContentMD5": base64_md5(io.BytesIO(part))}
            tags.append(self._ask(self.client.upload_part, UploadId=upload, **sent)["ETag"])
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self._ask(self.client.complete_multipart_upload, UploadId=upload, MultipartUpload={"Parts": parts})
        return begun is not None

    @property
    def _part(self) -> int:
        return max(PART, -(-self.size // _MOST_PARTS))

    def _ask(self, call: Any, **more: Any) -> Any:
        return self.patience.insist(self.url, partial(call, **self.place, **more))

    def _begun(self, file: IO[bytes]) -> tuple[str | None, dict[int, str]]:
        """The newest upload of this key all of whose parts are of this file, with the tags of its parts."""
        bucket, key = self.place["Bucket"], self.place["Key"]
        try:
            listed = self.patience.insist(
                self.url, lambda: self.client.list_multipart_uploads(Bucket=bucket, Prefix=key)
            )
        except TransferRefused:  # one may be let to put, and not to see what was begun
            return None, {}
        mine = [one for one in listed.get("Uploads", []) if one["Key"] == key]
        for one in sorted(mine, key=lambda one: str(one.get("Initiated", "")), reverse=True):
            there = {part["PartNumber"]: part for part in self._listed(one["UploadId"])}
            if there and self._is_of(file, there):
                return str(one["UploadId"]), {number: str(part["ETag"]) for number, part in there.items()}
        return None, {}

    def _listed(self, upload: str) -> Iterator[dict[str, Any]]:
        after = 0
        while True:
            page = self._ask(self.client.list_parts, UploadId=upload, PartNumberMarker=after)
            yield from page.get("Parts", [])
            if not page.get("IsTruncated"):
                return
            after = page["NextPartNumberMarker"]

    def _is_of(self, file: IO[bytes], there: dict[int, dict[str, Any]]) -> bool:
        """Whether each part that came is the part of this file."""
        for number, part in there.items():
            file.seek((number - 1) * self._part)
            mine = file.read(self._part)
            tag = hashlib.md5(mine, usedforsecurity=False).hexdigest()
            if len(mine) != part["Size"] or str(part["ETag"]).strip('"').lower() != tag:
                return False
        return True


def _parts(file: IO[bytes], size: int) -> Iterator[bytes]:
    file.seek(0, os.SEEK_SET)
    while part := file.read(size):
        yield part


def base64_md5(file: IO[bytes]) -> str:
    """As a store wants it beside what is put."""
    of = partial(hashlib.md5, usedforsecurity=False)
    return base64.b64encode(hashlib.file_digest(cast("Any", file), of).digest()).decode()
