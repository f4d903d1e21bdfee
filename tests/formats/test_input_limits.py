"""What comes from outside is read to a limit, and from regular files only; nothing waits and nothing fills memory."""

from __future__ import annotations

import gzip
import io
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits

from llama.app import App
from llama.cli.main import _run
from llama.formats.errors import FormatError, InputError, SkyMapError
from llama.formats.limits import MIB, read_limited, read_member, unpacked
from llama.formats.populations import PopulationsFile
from llama.formats.records import JsonObject, Raw, Text
from llama.formats.skymap import read_skymap
from llama.intake import files_between
from llama.messengers.gw.start import skymap_file
from llama.services.fermi.archive import NoticeFolder
from llama.services.fermi.catalogue import read_catalogue
from llama.services.icecube.sample import read_release
from llama.settings import SettingsError, read_settings

READERS: dict[str, Callable[[Path], object]] = {
    "record": JsonObject().read,
    "text": Text().read,
    "bytes": Raw().read,
    "sky map": read_skymap,
    "catalogue": read_catalogue,
    "release": read_release,
    "populations": PopulationsFile().read,
    "any": lambda path: read_limited(path, 10, "this"),
}


def multi_order() -> bytes:
    rows = np.zeros(12, dtype=[("UNIQ", ">i8"), ("PROBDENSITY", ">f8")])
    rows["UNIQ"], rows["PROBDENSITY"] = np.arange(4, 16), 1 / (4 * np.pi)
    hdu = fits.BinTableHDU(rows)
    hdu.header["ORDERING"], hdu.header["COORDSYS"] = "NUNIQ", "C"
    out = io.BytesIO()
    hdu.writeto(out)
    return out.getvalue()


def zeros(mib: int) -> bytes:
    """Gzipped; a thousandth of what it unpacks to."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as packed:
        for _ in range(mib):
            packed.write(bytes(MIB))
    return out.getvalue()


@pytest.mark.parametrize("name", READERS)
def test_pipes_and_devices_are_refused_without_waiting(tmp_path: Path, name: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, what in ((pipe, "a pipe"), (Path("/dev/zero"), "a device"), (Path("/dev/stdin"), "a pipe|a device")):
        if path.is_file():
            continue
        with pytest.raises(FormatError, match=rf"is ({what}), not a file; save what it gives in a file"):
            READERS[name](path)


@pytest.mark.parametrize("name", [name for name in READERS if name != "release"])  # which may be a folder
def test_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="is a folder, not a file; name a file in it"):
        READERS[name](tmp_path)


def test_a_file_is_read_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in (0, 1, 10):
        path.write_bytes(bytes(size))
        assert read_limited(path, 10, "this") == bytes(size)
    path.write_bytes(bytes(11))
    with pytest.raises(InputError, match="file has 11 bytes; this has at most 10 bytes"):
        read_limited(path, 10, "this")
    with pytest.raises(FileNotFoundError):
        read_limited(tmp_path / "missing", 10, "this")


def test_a_file_that_does_not_know_its_size_is_read_to_its_limit() -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("no /proc here")
    assert read_limited(status, MIB, "this").startswith(b"Name:")
    with pytest.raises(InputError, match="more than 10 bytes"):
        read_limited(status, 10, "this")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    for name in ("record", "text", "bytes", "catalogue"):
        with pytest.raises(FormatError, match=r"sparse.json has 1048576 MiB; .* has at most"):
            READERS[name](path)
    with pytest.raises(SkyMapError, match="has 1048576 MiB; a sky map has at most 1024 MiB"):
        read_skymap(path)


def test_unpacking_stops_at_the_limit() -> None:
    assert unpacked(zeros(2), 2 * MIB, "this") == bytes(2 * MIB)
    with pytest.raises(InputError, match="has more than 1 MiB; this has at most 1 MiB"):
        unpacked(zeros(2), MIB, "this")
    with pytest.raises(InputError, match="gzip file is damaged"):
        unpacked(zeros(2)[:-9], 2 * MIB, "this")


def test_members_of_a_zip_are_refused_by_what_they_unpack_to(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IC79-2010-events.txt", bytes(2 * MIB))
    with zipfile.ZipFile(path) as archive:
        assert len(read_member(archive, "IC79-2010-events.txt", 2 * MIB, "a table")) == 2 * MIB
        with pytest.raises(InputError, match=r"IC79-2010-events.txt has 2 MiB; a table has at most 1 MiB"):
            read_member(archive, "IC79-2010-events.txt", MIB, "a table")


BOMB = """
import resource, sys
from pathlib import Path
from llama.formats.errors import FormatError
from llama.messengers.gw.start import skymap_file
try:
    skymap_file(Path(sys.argv[1]).read_bytes())
except FormatError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_a_gzip_file_behind_a_good_map_does_not_fill_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(gzip.compress(multi_order()) + zeros(1500))
    done = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True)
    told, peak_mb = done.stdout.splitlines()
    assert "more than 67108864 bytes follow its table" in told
    assert int(peak_mb) < 400 + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 * (sys.platform == "linux")


def test_a_good_map_may_be_followed_by_a_little(tmp_path: Path) -> None:
    raw = multi_order() + bytes(2880)
    assert skymap_file(gzip.compress(raw))[0] == {"lvc_skymap.multiorder.fits": raw}


@pytest.mark.slow
def test_a_map_that_is_all_zeros_packed_is_refused() -> None:
    with pytest.raises(SkyMapError, match="not a FITS file"):
        read_skymap(zeros(300))


def test_a_row_as_long_as_memory_is_refused() -> None:
    raw = multi_order().replace(b"TFORM2  = 'D       '", b"TFORM2  = '99999999D'")
    raw = raw.replace(b"NAXIS1  =                   16", b"NAXIS1  =            800000000")
    with pytest.raises(SkyMapError):
        read_skymap(raw)


def test_a_table_that_unpacks_to_more_than_memory_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "populations.hdf5", "w") as file:
        leaf = file.create_dataset(
            "opa/bns/o4/H1L1", shape=(1 << 40,), dtype="f8", chunks=(1 << 16,), compression="gzip"
        )
        leaf.attrs["rate_hz"] = 1.0
    tables = PopulationsFile().read(tmp_path / "populations.hdf5").tables
    with pytest.raises(FormatError, match="a background table has at most 512 MiB"):
        tables["opa/bns/o4/H1L1"]


def test_settings_name_files_only(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    for variable in ("LLAMA_SEARCH", "LLAMA_POPULATIONS", "LLAMA_GRB_CATALOGUE", "LLAMA_GRB"):
        with pytest.raises(SettingsError, match=rf"\${variable}: .* which cannot be read \(/dev/zero is a device"):
            App.read(environ | {variable: "/dev/zero"})
        with pytest.raises(SettingsError, match="is a folder, not a file"):
            App.read(environ | {variable: str(tmp_path)})
    folder = tmp_path / ".config" / "llama"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "settings.toml")
    with pytest.raises(SettingsError, match=r"settings.toml cannot be read: .* is a pipe"):
        read_settings(environ)


def test_odd_files_among_the_notices_are_counted_and_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "folder.json").mkdir()
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(1 << 40)
    source = NoticeFolder(tmp_path, lambda data: None, files_between)  # type: ignore[arg-type, return-value]
    window = source.window(1e9, 1e9 + 10)
    assert "2 file(s) are no readable notice" in window.why
    assert window.bursts == ()


def test_memory_that_does_not_suffice_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> int:
        return len(bytearray(1 << 62))

    assert _run(call) == 1
    said = capsys.readouterr().err
    assert said.startswith("llama: there is not enough memory") and said.count("\n") == 1
