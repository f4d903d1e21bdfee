"""VOEvent 1.1 and 2.0: the XML packets of GCN and its partners, whoever sent them.

Only the skeleton is read here (who, when, named parameters); what the parameters mean is a messenger's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from llama.formats.errors import NoticeError
from llama.formats.xmlsafe import children, local_name, parse_xml, text_at


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that belong together. Older packets give only a type, newer ones only a name, some both."""

    type: str
    name: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VOEvent:
    """The skeleton of a packet; values are the text of the packet, unchecked.

    Attributes:
        ivorn: its identifier, `ivo://gwnet/LVC#S190425z-1-Initial`.
        role: `observation`, `test`, `prediction` or `utility`.
        date: when it was written (Who/Date), as given.
        author: who wrote it, for people.
        params: top-level parameters by name.
        groups: parameter groups in order.
        units: of the top-level parameters that give one, by name.
        iso_time: when it happened (WhereWhen), as given; UTC by the standard.
        takes_back: identifiers of packets that it cites as retracted.
        position: right ascension, declination and radius of the error circle (WhereWhen), as given; None without.
    """

    ivorn: str
    role: str
    date: str | None
    author: str
    params: Mapping[str, str]
    groups: tuple[Group, ...] = field(default=())
    iso_time: str | None = None
    position: tuple[str, str, str] | None = None
    takes_back: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    def group(self, kind: str) -> Mapping[str, str] | None:
        """The parameters of the first group whose type or name is `kind`."""
        return next((group.params for group in self.groups if kind in (group.type, group.name)), None)


def parse_voevent(data: bytes) -> VOEvent:
    """Read a packet; NoticeError when it is not XML, unsafe XML, or not a VOEvent."""
    root = parse_xml(data)
    if local_name(root) != "VOEvent":
        raise NoticeError(f"not a VOEvent: the XML's root is <{local_name(root)}>")
    ivorn = root.get("ivorn")
    if not ivorn:
        raise NoticeError("VOEvent without an ivorn, its identifier")
    what = next(iter(children(root, "What")), None)
    return VOEvent(
        ivorn=ivorn,
        role=root.get("role", "observation"),
        date=text_at(root, "Who", "Date"),
        author=_author(root),
        params={} if what is None else _params(what),
        groups=() if what is None else tuple(_group(element) for element in children(what, "Group")),
        units={} if what is None else _units(what),
        iso_time=text_at(root, *_COORDINATES, "Time", "TimeInstant", "ISOTime"),
        position=_position(root),
        takes_back=tuple(
            (cited.text or "").strip()
            for citations in children(root, "Citations")
            for cited in children(citations, "EventIVORN")
            if cited.get("cite", "").strip().lower() == "retraction"
        ),
    )


_COORDINATES = ("WhereWhen", "ObsDataLocation", "ObservationLocation", "AstroCoords")


def _position(root: etree._Element) -> tuple[str, str, str] | None:
    paths = (("Value2", "C1"), ("Value2", "C2"), ("Error2Radius",))
    ra, dec, radius = (text_at(root, *_COORDINATES, "Position2D", *path) for path in paths)
    return None if ra is None or dec is None or radius is None else (ra, dec, radius)


def _author(root: etree._Element) -> str:
    names = (text_at(root, "Who", "Author", key) for key in ("shortName", "title", "contactName"))
    return next((name for name in names if name), "")


def _params(parent: etree._Element) -> dict[str, str]:
    """First one wins; a value may be an attribute or a <Value> child."""
    found: dict[str, str] = {}
    for param in children(parent, "Param"):
        name, value = param.get("name"), param.get("value")
        if value is None:
            value = text_at(param, "Value")
        if name and value is not None:
            found.setdefault(name, value.strip())
    return found


def _units(parent: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for param in children(parent, "Param"):
        name, unit = param.get("name"), param.get("unit")
        if name and unit:
            found.setdefault(name, unit.strip())
    return found


def _group(element: etree._Element) -> Group:
    return Group(element.get("type", ""), element.get("name", ""), _params(element))
