"""VOEvents of every sender, and XML that attacks its reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama.formats.errors import NoticeError
from llama.formats.voevent import parse_voevent
from llama.formats.xmlsafe import MAX_XML_BYTES, parse_xml

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
<lolz>&d;</lolz>"""
EXTERNAL = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>"""
IN_ATTRIBUTE = b"""<!DOCTYPE x [<!ENTITY e "boo">]><x y="&e;"/>"""
EXTERNAL_DTD = b"""<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><x/>"""
PARAMETER = b"""<!doctype x [<!ENTITY % p SYSTEM "http://example.org/p"> %p;]><x/>"""


@pytest.mark.parametrize("data", [BOMB, EXTERNAL, IN_ATTRIBUTE, EXTERNAL_DTD, PARAMETER])
def test_document_types_are_refused(data: bytes) -> None:
    with pytest.raises(NoticeError, match="document type or entities"):
        parse_xml(data)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7", "cp037"])
def test_encodings_that_hide_a_document_type(encoding: str) -> None:
    hidden = EXTERNAL.decode().encode(encoding)
    with pytest.raises(NoticeError):
        parse_xml(hidden)
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    with pytest.raises(NoticeError, match="in encoding"):
        parse_xml(declared + hidden)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        b"<a>",
        b"<a></b>",
        b"<a b=1/>",
        b"<a>&undefined;</a>",
        b"<a>\xff</a>",
        b"<a/>trailing",
        b"<a:b/>" * 2,
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(NoticeError, match="malformed XML"):
        parse_xml(data)


def test_unbounded_xml_is_refused() -> None:
    with pytest.raises(NoticeError, match="at most"):
        parse_xml(b"<a>" + b" " * MAX_XML_BYTES + b"</a>")
    with pytest.raises(NoticeError, match="malformed XML"):
        parse_xml(b"<a>" * 100_000)


def test_not_a_voevent() -> None:
    with pytest.raises(NoticeError, match="root is <Transport>"):
        parse_voevent(
            b'<trn:Transport xmlns:trn="http://telescope-networks.org/xml/Transport/v1.1" role="iamalive"/>'
        )
    with pytest.raises(NoticeError, match="without an ivorn"):
        parse_voevent(b"<VOEvent/>")


def test_every_real_packet(data: Path) -> None:
    """LVK, Fermi, Swift and IceCube packets; those of GCN declare namespaces in other ways than LVK's."""
    folder = data / "notices"
    packets = [*folder.glob("*/*.xml"), folder / "icecube" / "fra_sample_cascade.txt"]
    assert len(packets) == 33
    for path in packets:
        packet = parse_voevent(path.read_bytes())
        assert packet.ivorn.startswith("ivo://"), path.name
        assert packet.role in ("observation", "test"), path.name
        assert packet.date, path.name
        assert packet.iso_time, path.name
        assert packet.author, path.name
        assert packet.params["Packet_Type"].isdigit(), path.name


def test_groups_by_type_or_by_name(data: Path) -> None:
    """O3 named them by type only, GCN by name only, O4 by both."""
    folder = data / "notices"
    o3 = parse_voevent((folder / "lvk_voevent" / "S190425z_initial.xml").read_bytes())
    o4 = parse_voevent((folder / "lvk_voevent" / "S230524x-1-EarlyWarning.xml").read_bytes())
    gbm = parse_voevent((folder / "fermi" / "GRB180116A_Fermi_GBM_Alert.xml").read_bytes())
    assert set(o3.group("Classification") or {}) == {"BNS", "NSBH", "BBH", "MassGap", "Terrestrial"}
    assert set(o4.group("Classification") or {}) == {"BNS", "NSBH", "BBH", "Terrestrial"}
    assert (gbm.group("Misc_Flags") or {})["CRC_Error"] == "false"
    assert o3.group("Nonsense") is None


def test_value_as_element_and_first_of_two() -> None:
    packet = parse_voevent(
        b'<VOEvent ivorn="ivo://a/b#c"><What><Param name="a"><Value> 1 </Value></Param><Param name="a" value="2"/>'
        b'<Param value="3"/></What></VOEvent>'
    )
    assert packet.params == {"a": "1"}
    assert (packet.role, packet.date, packet.iso_time, packet.author) == ("observation", None, None, "")
