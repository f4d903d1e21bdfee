"""Files of the web, to read only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import requests

from llama.ports import NoSuchObject, StoredObject, TransferError, TransferRefused
from llama.services.download import download, reaching
from llama.services.errors import DownloadError

_TIMEOUT_S = 20.0
_NOT_THERE = (404, 410)
_HIDDEN = (401, 403)


class Web:
    """What is behind `https://…`; plain `http://` only on this machine."""

    def list(self, url: str, *, recursive: bool = True, prefix: bool = False) -> Iterator[StoredObject]:
        raise TransferRefused(f"{url}: the web does not list its folders; name the files")

    def find(self, url: str) -> StoredObject | None:
        try:
            with reaching(_checked(url)):
                answer = requests.head(url, timeout=_TIMEOUT_S, allow_redirects=True)
                answer.raise_for_status()
        except DownloadError as error:
            if _status(error) in _NOT_THERE:
                return None
            raise _told(error) from error
        return StoredObject(url, int(answer.headers.get("Content-Length", 0)))

    def digest(self, url: str) -> str | None:
        return None

    def get(self, url: str, target: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=".get-", dir=target.parent) as folder:
            fetched = Path(folder, "fetched")
            try:
                download(_checked(url), fetched, quiet=True)
            except DownloadError as error:
                raise _told(error) from error
            fetched.chmod(0o644)
            fetched.replace(target)

    def put(self, source: Path, url: str, *, public: bool = False) -> None:
        raise TransferRefused(f"{url}: https:// is to read only; put it to a path or to s3://")

    def close(self) -> None:
        """Nothing is open."""


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme.lower() == "http" and not _is_here(parts.hostname or ""):
        raise TransferRefused(f"{url}: write https://; http:// is for this machine only")
    return url


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _status(error: DownloadError) -> int | None:
    answer = getattr(error.__cause__, "response", None)
    return getattr(answer, "status_code", None)


def _told(error: DownloadError) -> TransferError:
    status = _status(error)
    kind = NoSuchObject if status in _NOT_THERE else TransferRefused if status in _HIDDEN else TransferError
    return kind(str(error))
