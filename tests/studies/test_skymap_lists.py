"""Lists of sky maps per detector combination, and compressed copies of a folder."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from tests.cli.typed import typed

from llama.formats.coincs import Coinc, read_coincs
from llama.formats.errors import FormatError
from llama.formats.skymap import read_skymap
from llama.formats.skymap_list import read_list
from llama.studies.blocks import InTurn
from llama.studies.skymap_lists import ToCompress, compress, population_of, split

SERVERS = "/home/vagrant/pre-er14-background/skymaps"
COUNTS = {"H1L1": 2013, "H1L1V1": 5507, "H1V1": 703, "L1V1": 755}
"""Of the population BNS at O3 sensitivity: 8978 sources."""


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def of_bns_o3(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    names = rng.permutation(np.repeat([*COUNTS], [*COUNTS.values()]))
    rows = (
        f"{','.join(a + b for a, b in zip(name[::2], name[1::2], strict=True))} bns-o3/{i}"
        for i, name in enumerate(names)
    )
    return written(folder / "participating-detectors-bns-o3.txt", "ifos coinc_event_id", *rows)


def split_of(source: Path, folder: Path, **more: object) -> dict[str, int]:
    given = {"prefix": SERVERS, "maps": None, "ending": ".fits.gz", "overwrite": False} | more
    return {path.name: count for path, count in split(source, folder, **given).lists.items()}  # type: ignore[arg-type]


def test_a_population_is_split_and_its_counts_add_up(tmp_path: Path) -> None:
    source = of_bns_o3(tmp_path)
    assert population_of(source) == population_of(Path("coincs-bns-o3.dat")) == "bns-o3"
    assert population_of(Path("coincs.dat")) is None
    found = split_of(source, tmp_path / "bns-o3")
    assert found == {f"{name}.csv": count for name, count in COUNTS.items()}
    assert sum(found.values()) == 8978 == len(source.read_text().splitlines()) - 1
    lines = [line for name in found for line in (tmp_path / "bns-o3" / name).read_text().splitlines()]
    assert sorted(lines) == sorted(f"{SERVERS}/bns-o3/{i}.fits.gz" for i in range(8978))


@pytest.mark.parametrize(
    ("lines", "detectors", "name"),
    [
        (["detectors skymap", "L1,H1 7"], ("H1", "L1"), "7"),
        (["a b", "H1,L1 bns/7"], ("H1", "L1"), "bns/7"),
        (["coinc_event_id ifos snr", "7 H1,L1,V1 12.5"], ("H1", "L1", "V1"), "7"),
        (["# coinc_event_id\tsimulation_id\tnetwork".replace("# ", "#"), "7\t9\tHLV"], ("H1", "L1", "V1"), "7"),
        (["coinc_event_id ifos", "7 K1"], ("K1",), "7"),
    ],
)
def test_every_way_of_writing_it(tmp_path: Path, lines: list[str], detectors: tuple[str, ...], name: str) -> None:
    assert read_coincs(written(tmp_path / "coincs.dat", *lines)) == [Coinc(detectors, name)]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["ifos coinc_event_id"], "no line below its header"),
        (["H1,L1 1", "H1,L1 2"], "its first line must be a header"),
        (["ifos coinc_event_id", "H1,L1 1", "H1,L1"], "line 3 has 1 columns"),
        (["ifos coinc_event_id", "H1,L1 1", "H1;L1 2"], "line 3 has 'H1;L1' where detectors"),
        (["ifos coinc_event_id", "H1,H1 1"], "line 2 has 'H1,H1' where detectors"),
        (["ifos coinc_event_id", "H1,L1 1", "H1,V1 1"], "line 3 names the sky map 1 a second time"),
        (["mass1 mass2", "1.4 1.3"], "no column of detectors"),
        (["ifos snr far", "H1,L1 9 1e-9"], "no column of names of sky maps"),
    ],
)
def test_a_file_that_is_none_is_named_with_its_line(tmp_path: Path, lines: list[str], why: str) -> None:
    with pytest.raises(FormatError, match=why):
        read_coincs(written(tmp_path / "coincs.dat", *lines))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "coincs.dat"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(FormatError, match=r"coincs\.dat is no list of coincidences, since it is no text"):
        read_coincs(path)
    with pytest.raises(FormatError, match=r"coincs\.dat is no list of sky maps, since it is no text"):
        read_list(path)


def test_a_list_has_a_path_per_line_with_its_spaces(tmp_path: Path) -> None:
    path = tmp_path / "H1L1.csv"
    path.write_text("/all sky/1.fits\n\n  b.fits\r\n")
    assert read_list(path) == ["/all sky/1.fits", "b.fits"]
    for name in ("2.fits.gz", "1.multiorder.fits", "notes.txt"):
        (tmp_path / name).touch()
    assert read_list(tmp_path) == [f"{tmp_path}/1.multiorder.fits", f"{tmp_path}/2.fits.gz"]


def test_a_list_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    source = written(tmp_path / "coincs.dat", "ifos coinc_event_id", "H1,L1 1")
    split_of(source, tmp_path)
    (tmp_path / "H1L1.csv").write_text("mine\n")
    with pytest.raises(FormatError, match="exists already and was left as it is"):
        split_of(source, tmp_path)
    assert (tmp_path / "H1L1.csv").read_text() == "mine\n"
    split_of(source, tmp_path, overwrite=True)
    assert (tmp_path / "H1L1.csv").read_text() == f"{SERVERS}/1.fits.gz\n"


def test_maps_that_are_here_say_their_extension(tmp_path: Path) -> None:
    source = written(tmp_path / "coincs.dat", "ifos coinc_event_id", "H1,L1 1", "H1,L1 2", "H1,L1 3")
    for name in ("1.fits", "2.multiorder.fits"):
        (tmp_path / name).touch()
    with pytest.raises(FormatError, match=r"1 sky maps are not in .*, the first of them 3"):
        split_of(source, tmp_path, maps=tmp_path, prefix="/maps")
    assert not (tmp_path / "H1L1.csv").exists()
    (tmp_path / "3.fits.gz").touch()
    split_of(source, tmp_path, maps=tmp_path, prefix="/maps")
    assert (tmp_path / "H1L1.csv").read_text().split() == [
        "/maps/1.fits",
        "/maps/2.multiorder.fits",
        "/maps/3.fits.gz",
    ]


def a_map(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    column = fits.Column("PROB", "D", array=np.full(12 * 16**2, 1 / (12 * 16**2)))
    table = fits.BinTableHDU.from_columns([column])
    table.header.update(PIXTYPE="HEALPIX", ORDERING="NESTED", NSIDE=16, INDXSCHM="IMPLICIT", COORDSYS="C")
    table.writeto(path)
    return path


def test_a_folder_is_compressed_and_goes_on_where_it_was(tmp_path: Path) -> None:
    source, target = tmp_path / "allsky", tmp_path / "zipped"
    whole = [a_map(source / name) for name in ("0.fits", "1.fits", "more/2.fits")]
    source.chmod(0o555)
    with InTurn() as executor:
        first = list(compress(ToCompress.below(source, target), executor))
        assert [one.was_there for one in first] == [False] * 3
        for one in whole:
            copy = target / one.relative_to(source).with_name(f"{one.name}.gz")
            assert gzip.decompress(copy.read_bytes()) == one.read_bytes()
            assert read_skymap(copy).density.size
        (target / "1.fits.gz").unlink()
        assert [one.was_there for one in compress(ToCompress.below(source, target), executor)] == [True, False, True]
    source.chmod(0o755)


def test_what_is_no_map_is_told_and_left_out(tmp_path: Path) -> None:
    whole = a_map(tmp_path / "maps" / "0.fits")
    (tmp_path / "maps" / "1.fits").write_bytes(whole.read_bytes()[:5000])
    (tmp_path / "maps" / "2.fits").write_text("<html>")
    (tmp_path / "maps" / "3.fits").symlink_to("nowhere.fits")
    (tmp_path / "maps" / "5.fits").symlink_to("5.fits")
    os.mkfifo(tmp_path / "maps" / "6.fits")
    (tmp_path / "maps" / "4.fits.gz").touch()
    asked = ToCompress.below(tmp_path / "maps", tmp_path / "zipped")
    assert asked.already == 1
    with InTurn() as executor:
        found = list(compress(asked, executor))
    assert [one.why for one in found] == [
        "",
        "it ends in the middle of a block of 2880 bytes, so it was cut",
        "it is no FITS file",
        "it links to nowhere.fits: No such file or directory",
        "it links to 5.fits: Too many levels of symbolic links",
    ]
    assert [path.name for path in (tmp_path / "zipped").iterdir()] == ["0.fits.gz"]


def test_a_folder_without_maps_and_copies_among_maps_are_refused(tmp_path: Path) -> None:
    zipped = tmp_path.parent / f"{tmp_path.name}-zipped"
    with pytest.raises(FormatError, match="has no file that ends with"):
        ToCompress.below(tmp_path, zipped)
    (tmp_path / "1.fits.gz").touch()
    with pytest.raises(FormatError, match="it has 1 that are compressed already"):
        ToCompress.below(tmp_path, zipped)
    a_map(tmp_path / "0.fits")
    with pytest.raises(FormatError, match="is among the maps"):
        ToCompress.below(tmp_path, tmp_path / "zipped")


def test_a_plain_file_is_split_by_the_maps_beside_it(tmp_path: Path) -> None:
    source = written(tmp_path / "coincs-bns-o3.dat", "ifos coinc_event_id", "H1,L1 0", "H1,L1,V1 1")
    for name in ("0", "1"):
        a_map(tmp_path / "allsky" / f"{name}.fits")
    typed("dev", "skymaps", "lists", source, "-o", tmp_path / "lists", home=tmp_path)
    assert read_list(tmp_path / "lists/H1L1.csv") == [f"{tmp_path}/allsky/0.fits"]
    (tmp_path / "allsky/0.fits").unlink()
    said = typed("dev", "skymaps", "lists", source, "-o", tmp_path / "lists", "-c", home=tmp_path, status=1)
    assert f"1 sky maps are not in {tmp_path}/allsky, the first of them 0" in said
    (tmp_path / "allsky").rename(tmp_path / "away")
    said = typed("dev", "skymaps", "lists", source, "-o", tmp_path / "none", home=tmp_path, status=1)
    assert "none of the maps of coincs-bns-o3.dat is beside it: say where they are" in said
    assert not (tmp_path / "none").exists()


def test_a_folder_is_split_by_what_its_maps_say(data: Path, tmp_path: Path) -> None:
    folder = data / "skymaps/mock_and_sim/local_bayestar"
    said = typed("dev", "skymaps", "lists", folder, "-o", tmp_path, home=tmp_path)
    assert "5 total, as many as" in said
    assert read_list(tmp_path / "H1L1V1.csv") == read_list(folder)
    typed("dev", "skymaps", "lists", folder, "-o", tmp_path, "--prefix", "/there", "-c", home=tmp_path)
    assert read_list(tmp_path / "H1L1V1.csv") == [f"/there/{i}.fits" for i in range(5)]
    a_map(tmp_path / "silent" / "0.fits")
    said = typed("dev", "skymaps", "lists", tmp_path / "silent", "-o", tmp_path, home=tmp_path, status=1)
    assert "1 sky maps of" in said and "do not say which detectors heard them" in said
