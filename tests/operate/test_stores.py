"""Manifests, keys and archives: what is right comes out right, what is wrong is one message and leaves nothing."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from llama.cli.main import main
from llama.formats.errors import FormatError
from llama.formats.manifest import Manifest, ManifestFile, key_of, read_manifest, split_name
from llama.operate.errors import StoreError
from llama.operate.stores import unpacking
from llama.operate.stores.transfers import Carried, FileTransfer, carry
from llama.operate.stores.unpacking import folder_of, is_unpacked, unpack
from llama.ports import NoSuchObject, TransferError, TransferRefused

FITS = b"SIMPLE  =                    T" * 1000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("name", "title", "extension"),
    [
        ("1.fits.gz", "1", ".fits.gz"),
        ("lvc_skymap.multiorder.fits", "lvc_skymap", ".multiorder.fits"),
        ("BNS_O3_sample_skymaps.tar.gz", "BNS_O3_sample_skymaps", ".tar.gz"),
        ("GW191103_012549.fits", "GW191103_012549", ".fits"),
        ("opa-bns-o3-H1L1.txt", "opa-bns-o3-H1L1", ".txt"),
        ("bg-00001", "bg-00001", ""),
        (".s3cfg", ".s3cfg", ""),
        ("v1.2", "v1.2", ""),
    ],
)
def test_title_and_extension_stay_in_a_key(name: str, title: str, extension: str) -> None:
    assert split_name(name) == (title, extension)
    assert key_of(name, "0f", "/llama/objects/") == f"llama/objects/{title}-0f{extension}"
    assert key_of(name, "0f", "") == f"{title}-0f{extension}"


def manifest(*paths: str) -> Manifest:
    files = (ManifestFile(path, len(path), sha256(path.encode()), f"objects/{path}") for path in paths)
    return Manifest("s3://llama", tuple(files))


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = manifest("a.fits.gz", "ünter/b.txt")
    (tmp_path / "m.json").write_text(made.text(), encoding="utf-8")
    assert read_manifest(tmp_path / "m.json", "m") == made
    assert len(made.text().splitlines()) == 3 and json.loads(made.text())["bytes"] == made.size


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text[: len(text) // 2], "m is damaged, or no manifest"),
        (lambda text: text.replace("llama manifest 1", "other"), "m is no manifest; one begins with"),
        (lambda text: "\n".join([*text.splitlines()[:1], *text.splitlines()[2:]]), "it lists 1 files of 1 bytes"),
        (lambda text: text.replace('"a"', '"../../a"'), r"file 1 is '\.\./\.\./a', which leads out"),
        (lambda text: text.replace('"a"', '"/etc/a"'), "which leads out"),
        (lambda text: text.replace('"path": "b"', '"path": "a"'), "it lists a twice"),
        (lambda text: text.replace(sha256(b"a"), "00"), "size, digest or key of a is none"),
        (lambda text: text.replace('"key"', '"kee"', 1), "file 1 lacks one of path, bytes, sha256, key"),
        (lambda text: "[" * 100_000, "is damaged, or no manifest"),
    ],
)
def test_a_damaged_manifest_is_refused(damage: Callable[[str], str], why: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(damage(manifest("a", "b").text()))
    with pytest.raises(FormatError, match=why):
        read_manifest(tmp_path / "m.json", "m")


def tar(path: Path, *members: tuple[str, bytes | str]) -> Path:
    """Of files; a text is where a link leads."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_an_archive_of_maps_becomes_a_folder(tmp_path: Path) -> None:
    one = tar(tmp_path / "maps.tar.gz", ("maps/1.fits", FITS), ("maps/2.fits", "1.fits"), ("./maps/3/4.fits", b"4"))
    done = unpack(one)
    assert (done.files, done.bytes) == (3, 2 * len(FITS) + 1)
    assert left(tmp_path / "maps") == ["1.fits", "2.fits", "3/4.fits"]
    assert (tmp_path / "maps" / "2.fits").read_bytes() == FITS and not (tmp_path / "maps" / "2.fits").is_symlink()
    assert is_unpacked(one, sha256(one.read_bytes())) and not is_unpacked(one, "0" * 64)
    (tmp_path / "maps" / "1.fits").unlink()
    assert not is_unpacked(one, done.sha256)
    with zipfile.ZipFile(tmp_path / "lists.zip", "w") as zipped:
        zipped.writestr("a.csv", "x")
        zipped.writestr("other/b.csv", "y")
    unpack(tmp_path / "lists.zip")
    assert left(tmp_path / "lists") == ["a.csv", "other/b.csv"]


def zip_of(path: Path, name: str, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (0o120777 if name == "link" else 0o644) << 16
        zipped.writestr(info, data)
    return path


def device(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("dev")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    return path


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda at: tar(at / "x.tar", ("../../etc/a", b"a")), "'../../etc/a', which would lead out"),
        (lambda at: tar(at / "x.tar", ("/etc/a", b"a")), "'/etc/a', which would lead out"),
        (lambda at: tar(at / "x.tar", ("a", "/etc/passwd")), "holds a, a link to /etc/passwd, which is not in it"),
        (lambda at: tar(at / "x.tar", ("a", "../../b")), "holds a, a link to ../../b, which is not in it"),
        (lambda at: tar(at / "x.tar", ("d", "/tmp"), ("d/a", b"a")), "a link to /tmp"),
        (lambda at: tar(at / "x.tar", ("a", b"a"), ("a", b"b")), "holds a twice"),
        (lambda at: tar(at / "x.tar"), "holds no files"),
        (lambda at: device(at / "x.tar"), "holds dev, which is a device or pipe"),
        (lambda at: tar(at / "x.tar.gz", ("a", bytes(3_000_000))), "unpacks to far more than sky maps do"),
        (lambda at: zip_of(at / "x.zip", "a", bytes(3_000_000)), "unpacks to far more than sky maps do"),
        (lambda at: zip_of(at / "x.zip", "../a", b"a"), "'../a', which would lead out"),
        (lambda at: zip_of(at / "x.zip", "link", b"/etc/passwd"), "holds link, which is a link"),
    ],
)
def test_an_archive_that_leads_out_or_is_a_bomb_leaves_nothing(
    make: Callable[[Path], Path], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_FREELY", 1_000_000)
    place = tmp_path / "in" / "side"
    place.mkdir(parents=True)
    archive = make(place)
    with pytest.raises(StoreError, match=why):
        unpack(archive)
    assert left(tmp_path / "in") == [f"side/{archive.name}"] and not folder_of(archive).exists()


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar", "x.zip"])
def test_a_damaged_archive_leaves_nothing(name: str, tmp_path: Path) -> None:
    whole = zip_of(tmp_path / name, "a", FITS) if name.endswith("zip") else tar(tmp_path / name, ("a", FITS * 9))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(StoreError, match=f"{name} is damaged"):
        unpack(whole)
    assert left(tmp_path) == [name]


def test_one_that_was_killed_at_the_end_is_ended(tmp_path: Path) -> None:
    archive = tar(tmp_path / "maps.tar", ("maps/1.fits", FITS))
    unpack(archive)
    assert unpacking.unpack_here(archive, force=False) is None and not archive.exists()
    assert left(tmp_path) == [".maps.tar.unpacked.json", "maps/1.fits"]


def test_a_folder_that_is_there_is_left(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(StoreError, match=r"x is there already; move it away to unpack x\.tar"):
        unpack(tar(tmp_path / "x.tar", ("a", b"a")))


def transfers(number: int) -> list[FileTransfer]:
    return [FileTransfer(Path(str(i)), f"s3://x/{i}", i) for i in range(number)]


def test_what_fails_for_now_is_tried_after_all_others() -> None:
    turns: dict[int, int] = {}

    def one(transfer: FileTransfer) -> bool:
        turns[transfer.size] = turns.get(transfer.size, 0) + 1
        if turns[transfer.size] <= transfer.size % 4:
            raise TransferError("later")
        return transfer.size % 2 == 0

    found = list(carry(transfers(40), one))
    assert {one.transfer.size for one in found} == set(range(40)) and len(found) == 40
    assert all(one.moved == (one.transfer.size % 2 == 0) and not one.why for one in found)


def test_what_fails_for_good_stops_no_other() -> None:
    def one(transfer: FileTransfer) -> bool:
        if transfer.size == 3:
            raise NoSuchObject("there is no s3://x/3")
        if transfer.size == 4:
            raise PermissionError(13, "Permission denied", "four")
        raise_always = transfer.size == 5
        if raise_always:
            raise TransferError("never")
        return True

    found: dict[int, Carried] = {one.transfer.size: one for one in carry(transfers(8), one)}
    assert {size: done.why for size, done in found.items() if done.why} == {
        3: "there is no s3://x/3",
        4: "four: Permission denied",
        5: "never",
    }


@pytest.mark.parametrize("error", [TransferRefused("no bucket"), OSError(28, "No space left on device", "map")])
def test_what_every_other_would_meet_ends_it(error: Exception) -> None:
    begun = []

    def one(transfer: FileTransfer) -> bool:
        begun.append(transfer)
        raise error

    with pytest.raises(type(error)):
        list(carry(transfers(1000), one))
    assert len(begun) < 50


def installed(tmp_path: Path, *words: str) -> int:
    return main(["install", str(tmp_path / "m.json"), "-o", str(tmp_path / "out"), *words])


def test_a_manifest_installs_from_a_folder_at_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = tmp_path / "at"
    at.mkdir()
    archive = tar(at / "maps.tar.gz", ("maps/1.fits", FITS)).read_bytes()
    (at / "lists.txt").write_bytes(b"one")
    files = [
        ManifestFile(name, len(data), sha256(data), f"objects/{name}")
        for name, data in (("maps.tar.gz", archive), ("lists.txt", b"one"), ("absent.txt", b"two"))
    ]
    (tmp_path / "m.json").write_text(Manifest("s3://llama", tuple(files)).text())
    assert installed(tmp_path, "--from", str(at)) == 1
    out, err = capsys.readouterr()
    assert "2 fetched" in out and "1 failed" in out and f"{at}/absent.txt" in err
    assert left(tmp_path / "out") == [".maps.tar.gz.unpacked.json", "lists.txt", "maps/1.fits"]
    (at / "absent.txt").write_bytes(b"too")
    assert installed(tmp_path, "--from", str(at)) == 1
    out, err = capsys.readouterr()
    assert "absent.txt has SHA-256" in err and "0 fetched (0 B), 2 were there" in out
    assert not (tmp_path / "out" / "absent.txt").exists()
    (at / "absent.txt").write_bytes(b"two")
    (tmp_path / "out" / "lists.txt").write_bytes(b"my own")
    assert installed(tmp_path, "--from", str(at)) == 1
    assert "lists.txt is here already and is not what the manifest says; -f overwrites it" in capsys.readouterr().err
    assert installed(tmp_path, "--from", str(at), "-f") == 0
    assert (tmp_path / "out" / "lists.txt").read_bytes() == b"one"


def test_what_is_of_manifests_is_refused_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "icecube-3yr", "-o", str(tmp_path)]) == 1
    assert "-o and --no-unpack are of manifests; icecube-3yr goes to the data folder" in capsys.readouterr().err


def test_a_disk_without_room_is_told_before_anything_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ManifestFile("huge.fits", 10**18, "0" * 64, "objects/huge.fits")
    (tmp_path / "m.json").write_text(Manifest("s3://llama", (one,)).text())
    assert installed(tmp_path) == 1
    assert f"{tmp_path / 'out'} would need {10**18} bytes more" in capsys.readouterr().err
