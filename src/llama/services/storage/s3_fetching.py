"""How an object of a store comes to a file: checked, and one that is large goes on where it was cut."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import botocore.exceptions as raised

from llama.formats.whole import held, naming, whole
from llama.ports import TransferError, TransferRefused

LARGE = 8 * 1024 * 1024
"""What is larger is kept as far as it came."""
_CHUNK = 1 << 20
SHA256 = "sha256"
_TAG = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")
_CHANGED = ("PreconditionFailed", "InvalidRange", "412", "416")


def fetch(client: Any, url: str, place: dict[str, str], target: Path) -> None:
    """One object to a file; raises what boto3 does, and TransferError for what is not all there or not what was put.

    Args:
        place: Bucket and Key.
    """
    for begun in _begun(target):
        if _go_on(client, url, place, begun, target):
            return
    answer = client.get_object(**place)
    with closing(answer["Body"]) as body:
        _refuse_too_large(url, answer["ContentLength"], target)
        tag = _tag(answer)
        partial = _partial(target, tag)
        if answer["ContentLength"] <= LARGE or not _TAG.fullmatch(tag):
            with whole(target) as file:
                _take(url, answer, body, file)
            return
        with naming(partial), held(partial) as file:
            if file is not None:
                _append(url, answer, body, file)
                _conclude(url, answer, file, partial, target)
                return
        with whole(target) as other:  # somebody else fetches the same: each for himself
            _take(url, answer, body, other)


def _begun(target: Path) -> list[Path]:
    return sorted(target.parent.glob(f".{_escaped(target.name[:100])}.*.part"))


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _partial(target: Path, tag: str) -> Path:
    return target.with_name(f".{target.name[:100]}.{tag}.part")


def _go_on(client: Any, url: str, place: dict[str, str], partial: Path, target: Path) -> bool:
    """Fetch the rest of what was cut; False, and nothing is left of it, where the store has something else today."""
    tag = partial.name.rpartition(".part")[0].rpartition(".")[2]
    with naming(partial), held(partial) as file:
        if file is None:
            return False
        size = file.seek(0, os.SEEK_END)
        try:
            answer = client.get_object(**place, Range=f"bytes={size}-", IfMatch=f'"{tag}"')
        except raised.ClientError as error:
            if str(error.response.get("Error", {}).get("Code")) not in _CHANGED:
                raise
            partial.unlink(missing_ok=True)
            return False
        with closing(answer["Body"]) as body:
            _append(url, answer, body, file)
        _conclude(url, answer, file, partial, target)
        return True


def _append(url: str, answer: dict[str, Any], body: Any, file: IO[bytes]) -> None:
    came = 0
    for chunk in body.iter_chunks(_CHUNK):
        file.write(chunk)
        came += len(chunk)
    if came != answer["ContentLength"]:
        raise TransferError(f"{url}: {came} of {answer['ContentLength']} bytes came")


def _conclude(url: str, answer: dict[str, Any], file: IO[bytes], partial: Path, target: Path) -> None:
    """All came: what is not what was put is thrown away."""
    file.flush()
    os.fsync(file.fileno())
    try:
        file.seek(0)
        sha256, md5 = hashlib.sha256(), _md5()
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
        _check(url, answer, sha256.hexdigest(), md5.hexdigest())
        partial.replace(target)
    except TransferError:
        partial.unlink(missing_ok=True)
        raise


def _take(url: str, answer: dict[str, Any], body: Any, file: IO[bytes]) -> None:
    """All of an answer to a file; TransferError when it is not all, or not what was put."""
    sha256, md5, size = hashlib.sha256(), _md5(), 0
    for chunk in body.iter_chunks(_CHUNK):
        sha256.update(chunk)
        md5.update(chunk)
        size += len(chunk)
        file.write(chunk)
    if size != (length := answer.get("ContentLength", size)):
        raise TransferError(f"{url}: {size} of {length} bytes came")
    _check(url, answer, sha256.hexdigest(), md5.hexdigest())


def _check(url: str, answer: dict[str, Any], sha256: str, md5: str) -> None:
    put = answer.get("Metadata", {}).get(SHA256)
    if put is not None and put != sha256:
        raise TransferError(f"{url}: what came is not what was put (SHA-256)")
    tag = md5_of(answer)
    if put is None and tag is not None and tag != md5:
        raise TransferError(f"{url}: what came is not what was put (MD5)")


def md5_of(answer: dict[str, Any]) -> str | None:
    """The MD5 of an object that was put by one request; the tag of others is none."""
    plain = "SSECustomerAlgorithm" not in answer and not str(answer.get("ServerSideEncryption", "")).startswith(
        "aws:kms"
    )
    tag = _tag(answer)
    return tag if plain and len(tag) == 32 else None


def _refuse_too_large(url: str, size: int, target: Path) -> None:
    free = shutil.disk_usage(target.parent).free
    if size > max(free, LARGE):
        raise TransferRefused(f"{url} has {size} bytes, and the disk of {target} has {free} free; make room there")


def _tag(answer: dict[str, Any]) -> str:
    return str(answer.get("ETag", "")).strip('"').lower()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)
