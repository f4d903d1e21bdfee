"""Notices of Fermi's Gamma-ray Burst Monitor (GBM) as bursts: VOEvents of classic GCN, JSON of today's."""

from __future__ import annotations

from llama.formats.errors import NoticeError
from llama.formats.notice_json import is_json
from llama.formats.xmlsafe import is_xml
from llama.messengers.fermi.gcn_json import from_json
from llama.messengers.fermi.voevents import from_voevent
from llama.ports import Burst, Retraction


def parse(data: bytes) -> Burst | Retraction:
    """The burst in a notice, or what takes one back.

    Raises NotForUs for other detectors' notices, NoticeError for what is no notice.
    """
    if is_xml(data):
        return from_voevent(data)
    if is_json(data):
        return from_json(data)
    raise NoticeError("neither JSON nor XML, so not a notice")
