"""Data sets of a Dataverse repository: fetched by its own record, checked against the checksums that this states.

Nothing is known of them here but their DOI: the record is asked for when they are installed, what it states is told
and kept beside the files, and they are checked against it again whenever somebody asks. A file of which no checksum
is stated is refused, and with it the whole.

Of tables that a repository took apart (tabular ingest: `IC40_exp.csv` becomes `IC40_exp.tab`), it may state the
checksum of its own form, with or without the line of names, and not that of the file that was deposited
(IQSS/dataverse issue 9501). Then its form is checked, and the deposited file must hold the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import requests

from llama.formats.limits import MAX_RECORD_BYTES, MAX_TABLES_BYTES, read_limited, read_member
from llama.services.download import Installed, download, reaching
from llama.services.errors import DigestMismatch, DownloadError

RECORD = "checksums.json"
"""Beside the files: what the repository stated of each, and what it was when that was checked."""

_TIMEOUT_S = 30.0
_PARTS = ("events", "uptime", "irfs")
_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_STRANGE = re.compile(r"[\x00-\x1f\\:]")
_TOKENS = re.compile(rb'[\s,"]+')


@dataclass(frozen=True)
class Deposit:
    """Something `llama install` can fetch by its DOI.

    Attributes:
        folder: what it is called once installed.
        server: address of the repository. doi: `doi:10.…`.
    """

    name: str
    help: str
    folder: str
    server: str
    doi: str


ICECUBE_10YR = Deposit(
    "icecube-10yr",
    "IceCube's all-sky point-source data of 2008 to 2018 (some 100 MB)",
    "icecube_10year_ps",
    "https://dataverse.harvard.edu",
    "doi:10.7910/DVN/VKL316",
)


@dataclass(frozen=True)
class StatedFile:
    """One file of the record: its path in the data set, its number there, and its checksum as stated.

    Attributes:
        ingested: whether the repository took it apart into a table of its own form.
    """

    path: str
    id: int
    algorithm: str
    checksum: str
    ingested: bool = False


@dataclass(frozen=True)
class KeptFile:
    """A file as it was installed. `of` is what the stated checksum was found to be of; empty for a zip's member."""

    path: str
    sha256: str
    algorithm: str = ""
    checksum: str = ""
    of: str = ""


@dataclass(frozen=True)
class DepositRecord:
    """What was installed, from where, in which version."""

    doi: str
    server: str
    version: str
    files: tuple[KeptFile, ...]

    @property
    def told(self) -> list[str]:
        """One line for each checksum that the repository states."""
        return [f"{one.algorithm} {one.checksum}  {one.path}" for one in self.files if one.checksum]


def install_deposit(deposit: Deposit, folder: Path, *, force: bool = False, copy: Path | None = None) -> Installed:
    """Fetch a data set into `folder`, or take a `copy` at hand (folder or zip), each file checked by the record.

    Does nothing when it is there and whole. Raises DownloadError when the record or a file cannot be had or states no
    checksum, DigestMismatch for a file that is another; what was there before stays.
    """
    target = folder / deposit.folder
    if not force and deposit_is_whole(deposit, target):
        return Installed(target, None)
    version, stated = read_record(deposit)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".install-", dir=folder) as name:
        scratch, kept = Path(name), []
        at_hand = None if copy is None else _unpacked(copy, scratch / "copy")
        for one in stated:
            kept += _take(deposit, one, scratch / "new", at_hand)
        record = DepositRecord(deposit.doi, deposit.server, version, tuple(kept))
        if not any(PurePosixPath(one.path).parent.name == "events" for one in kept):
            raise DownloadError(f"{deposit.name}: the record of {deposit.doi} lists no events/ of any season")
        (scratch / "new" / RECORD).write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
        _replace(scratch, target)
    return Installed(target, str(copy) if copy else f"{deposit.server} ({deposit.doi}, version {version})")


def _replace(scratch: Path, target: Path) -> None:
    """Put the new folder where the old one was; where that fails the old one stays."""
    there = target.exists()
    if there:
        target.rename(scratch / "old")
    try:
        (scratch / "new").rename(target)
    except OSError:
        if there:
            (scratch / "old").rename(target)
        raise


def deposit_is_whole(deposit: Deposit, path: Path) -> bool:
    """Whether the folder holds all that its record says, unchanged."""
    try:
        check_deposit(deposit, path)
    except (DigestMismatch, FileNotFoundError):
        return False
    return True


def check_deposit(deposit: Deposit, path: Path) -> DepositRecord:
    """The record kept in a folder. DigestMismatch when a file is not as it was when its checksum was checked."""
    try:
        record = msgspec.json.decode(read_limited(path / RECORD, MAX_RECORD_BYTES, "a record"), type=DepositRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DigestMismatch(f"{path / RECORD} is damaged ({error})") from error
    if record.doi != deposit.doi:
        raise DigestMismatch(f"{path} is {record.doi}, not {deposit.doi}")
    for one in record.files:
        if one.of != "zip" and _digest(path / one.path, "sha256") != one.sha256:
            raise DigestMismatch(f"{path / one.path} is not what it was when it was installed")
        if one.of == "file" and _digest(path / one.path, _ALGORITHMS[one.algorithm]) != one.checksum:
            raise DigestMismatch(f"{path / one.path} has not the {one.algorithm} that its record states")
    return record


def read_record(deposit: Deposit) -> tuple[str, tuple[StatedFile, ...]]:
    """Version and files of the repository's record. DownloadError where it cannot be had or states no checksum."""
    url = f"{deposit.server}/api/datasets/:persistentId/"
    with reaching(url):
        answer = requests.get(url, params={"persistentId": deposit.doi}, timeout=_TIMEOUT_S)
        answer.raise_for_status()
    try:
        latest = answer.json()["data"]["latestVersion"]
        version = f"{latest['versionNumber']}.{latest['versionMinorNumber']}"
        stated = [_stated(file, deposit) for file in latest["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url} gives no record of a data set ({error!r})") from error
    wanted = tuple(one for one in stated if one is not None)
    if not wanted:
        raise DownloadError(f"{deposit.name}: the record of {deposit.doi} lists nothing that LLAMA reads")
    if twice := sorted({one.path for one in wanted if sum(other.path == one.path for other in wanted) > 1}):
        raise DownloadError(f"{deposit.name}: the record of {deposit.doi} lists {twice[0]} twice")
    return version, wanted


def _stated(file: dict[str, Any], deposit: Deposit) -> StatedFile | None:
    """One file of the record; None for what LLAMA does not read."""
    data = file["dataFile"]
    name = str(data.get("originalFileName") or file["label"])
    path = str(PurePosixPath(str(file.get("directoryLabel") or ""), name))
    if not _is_read(path):
        return None
    if _STRANGE.search(path) or path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise DownloadError(f"{deposit.name}: the record of {deposit.doi} lists {path!r}, which is no plain path")
    if file.get("restricted"):
        raise DownloadError(f"{deposit.name}: {path} is restricted at {deposit.server}")
    said = data.get("checksum") or {"type": "MD5", "value": data.get("md5")}
    kind, value = str(said.get("type", "")).upper(), str(said.get("value") or "").lower()
    if kind not in _ALGORITHMS or not re.fullmatch(r"[0-9a-f]{32,128}", value):
        raise DownloadError(
            f"{deposit.name}: the record of {deposit.doi} states no checksum of {path}, so nothing is installed; "
            "a copy from elsewhere cannot be checked either"
        )
    ingested = bool(data.get("originalFileName") or data.get("originalFileFormat"))
    return StatedFile(path, int(data["id"]), kind, value, ingested)


def _is_read(path: str) -> bool:
    """Tables of events, good runs and responses, what explains them, and zips, in which these may be."""
    pure = PurePosixPath(path)
    table = pure.parent.name in _PARTS and pure.suffix in (".csv", ".txt")
    return table or pure.suffix == ".zip" or pure.name.lower().startswith("readme")


def _take(deposit: Deposit, stated: StatedFile, new: Path, at_hand: Path | None) -> list[KeptFile]:
    """Put one file in place, checked; of a zip what LLAMA reads in it."""
    target = new / stated.path
    target.parent.mkdir(parents=True, exist_ok=True)
    address = f"{deposit.server}/api/access/datafile/{stated.id}"
    if at_hand is None:
        download(f"{address}?format=original" if stated.ingested else address, target)
    else:
        _copy(at_hand, stated.path, target)
    of = _checked(stated, target, None if at_hand else address)
    sha256 = _digest(target, "sha256")
    if target.suffix != ".zip":
        return [KeptFile(stated.path, sha256, stated.algorithm, stated.checksum, of)]
    members = _members(target, new)
    target.unlink()
    return [KeptFile(stated.path, sha256, stated.algorithm, stated.checksum, "zip"), *members]


def _checked(stated: StatedFile, target: Path, address: str | None) -> str:
    """What the stated checksum is of: the file, or the repository's own form of the same numbers."""
    algorithm = _ALGORITHMS[stated.algorithm]
    found = _digest(target, algorithm)
    if found == stated.checksum:
        return "file"
    if stated.ingested and address is not None:
        own = target.with_name(f".{target.name}.own")
        download(address, own)
        try:
            content = read_limited(own, MAX_TABLES_BYTES, "a table")
            deposited = read_limited(target, MAX_TABLES_BYTES, "a table")
        finally:
            own.unlink(missing_ok=True)
        forms = (content, content.partition(b"\n")[2])
        if any(hashlib.new(algorithm, form).hexdigest() == stated.checksum for form in forms):
            if _numbers(content) == _numbers(deposited):
                return "repository's own form"
            raise DigestMismatch(f"{stated.path}: its numbers are not those of the repository's own form of it")
    raise DigestMismatch(f"{stated.path} has {stated.algorithm} {found}, not {stated.checksum} as its record states")


def _numbers(content: bytes) -> list[float]:
    """All numbers below the line of names, in order, however they are separated and written."""
    body = content.partition(b"\n")[2]
    try:
        return [float(token) for token in _TOKENS.split(body) if token]
    except ValueError as error:
        raise DigestMismatch(f"a table holds what is no number ({error})") from error


def _members(path: Path, new: Path) -> list[KeptFile]:
    """What LLAMA reads in a zip, put in place without the folders above it."""
    kept = []
    try:
        with zipfile.ZipFile(path) as archive:
            for member, inside in _wanted(archive):
                target = new / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(read_member(archive, member, MAX_TABLES_BYTES, "a table"))
                kept.append(KeptFile(inside, _digest(target, "sha256")))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DigestMismatch(f"{path.name} is no zip file that can be read ({error})") from error
    return kept


def _wanted(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Members that LLAMA reads, and where they go."""
    for member in sorted(archive.namelist()):
        pure = PurePosixPath(member)
        ours = "__MACOSX" not in pure.parts and not _STRANGE.search(member)
        if ours and pure.suffix != ".zip" and _is_read(member):
            inside = pure.parent.name in _PARTS
            yield member, str(PurePosixPath(pure.parent.name, pure.name)) if inside else pure.name


def _unpacked(copy: Path, scratch: Path) -> Path:
    """A copy at hand as a folder."""
    if copy.is_dir():
        return copy
    scratch.mkdir(parents=True)
    try:
        with zipfile.ZipFile(copy) as archive:
            for member, inside in _wanted(archive):
                target = scratch / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(read_member(archive, member, MAX_TABLES_BYTES, "a table"))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DigestMismatch(f"{copy} is neither a folder nor a zip file that can be read ({error})") from error
    return scratch


def _copy(folder: Path, path: str, target: Path) -> None:
    found = _in(folder, PurePosixPath(path).parts)
    if found is None:
        raise DownloadError(f"{folder} has no {path}, which the record lists")
    shutil.copyfile(found, target)


def _in(folder: Path, parts: Sequence[str]) -> Path | None:
    """The file in a copy, with or without the folders that the record puts above it."""
    places = (folder.joinpath(*parts[k:]) for k in range(len(parts)))
    return next((place for place in places if place.is_file()), None)


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
