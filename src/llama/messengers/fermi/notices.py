"""Notices of Fermi's Gamma-ray Burst Monitor (GBM) as bursts: VOEvents of classic GCN, JSON of today's."""

from __future__ import annotations

from llama.formats.errors import NoticeError
from llama.messengers.fermi.gcn_json import from_json
from llama.messengers.fermi.voevents import from_voevent
from llama.ports import Burst

_BOM = b"\xef\xbb\xbf"


def parse(data: bytes) -> Burst:
    """The burst in a notice. NotForUs for other detectors' notices, NoticeError for what is no notice."""
    first = data.removeprefix(_BOM).lstrip()[:1]
    if first == b"<":
        return from_voevent(data)
    if first == b"{":
        return from_json(data)
    raise NoticeError("neither JSON nor XML, so not a notice")
