"""What was damaged or cut is kept aside, in `.llama/aside/`: nobody but the operator throws bytes away."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from llama.engine.folder.filesystem import fsync_folder

_CHUNK_BYTES = 1 << 20


def keep_bytes(folder: Path, what: str, source: BinaryIO) -> Path:
    """Keep a copy of all that `source` still gives, on disk when this returns.

    The name is `what` and the start of the digest, so that the same bytes are kept once. `folder` is `.llama`.
    """
    aside = _made(folder)
    temporary = aside / f".{secrets.token_hex(8)}"
    digest = hashlib.sha256()
    try:
        with open(temporary, "xb") as copy:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        temporary.chmod(0o444)
        kept = aside / f"{what}-{digest.hexdigest()[:12]}"
        temporary.replace(kept)
        fsync_folder(aside)
    finally:
        temporary.unlink(missing_ok=True)
    return kept


def _made(folder: Path) -> Path:
    aside = folder / "aside"
    aside.mkdir(exist_ok=True)
    return aside
