"""XML from strangers: parsed without entities, document types, network or unbounded growth."""

from __future__ import annotations

import re

from lxml import etree

from llama.formats.bom import without_bom
from llama.formats.errors import NoticeError

MAX_XML_BYTES = 4 * 1024 * 1024
# The check for document types below reads ASCII, so the encoding must be one that contains it.
_ENCODINGS = {"utf-8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"}
_DECLARATION = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([^\"']*)[\"']")
_FORBIDDEN = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def is_xml(data: bytes) -> bool:
    """Whether it can only be XML, by the first character."""
    return without_bom(data).lstrip()[:1] == b"<"


def parse_xml(data: bytes) -> etree._Element:
    """The root element of an XML document.

    Raises NoticeError when it is too large, malformed, in an unusual encoding, or declares a document type or
    entities: no notice needs them, and they are how XML attacks its reader (entity bombs, external entities).
    """
    if len(data) > MAX_XML_BYTES:
        raise NoticeError(f"XML of {len(data)} bytes; a notice has at most {MAX_XML_BYTES}")
    # Packets from sockets may carry white space before the declaration, which XML itself forbids
    data = without_bom(data).lstrip()
    _refuse_tricks(data)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError) as error:
        raise NoticeError(f"malformed XML: {error}; get the notice again from where it came") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise NoticeError(_NO_DOCTYPE)
    return root


_NO_DOCTYPE = "the XML declares a document type or entities; notices have none, so it is not read"


def _refuse_tricks(data: bytes) -> None:
    declared = _DECLARATION.match(data)
    encoding = declared[1].decode("ascii", "replace").lower() if declared else "utf-8"
    if encoding not in _ENCODINGS or b"\x00" in data:
        shown = encoding if encoding not in _ENCODINGS else "one with NUL bytes"
        raise NoticeError(f"XML in encoding {shown!r} is not read; notices are UTF-8")
    if _FORBIDDEN.search(data):
        raise NoticeError(_NO_DOCTYPE)


def local_name(element: etree._Element) -> str:
    """The tag without its namespace."""
    return etree.QName(element).localname


def children(element: etree._Element, *path: str) -> list[etree._Element]:
    """All elements at `path` below `element`, whatever their namespace."""
    found = [element]
    for name in path:
        found = [child for parent in found for child in parent if local_name(child) == name]
    return found


def text_at(element: etree._Element, *path: str) -> str | None:
    """The stripped text of the first element at `path`; None when there is none or it is empty."""
    for child in children(element, *path):
        if child.text and child.text.strip():
            return child.text.strip()
    return None
