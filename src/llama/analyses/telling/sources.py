"""Whose data and methods a result rests on, by the names readers know."""

from __future__ import annotations

from collections.abc import Mapping

_RELEASES: Mapping[str, str] = {
    "icecube-3yr": 'IceCube Collaboration, public data release "All-sky point-source IceCube data: years 2010-2012"',
    "icecube-10yr": 'IceCube Collaboration, public data release "IceCube Data for Neutrino Point-Source Searches: '
    'Years 2008-2018", arXiv:2101.09836',
}
_LOCALISATIONS: Mapping[str, str] = {
    "bayestar": "BAYESTAR, Singer & Price 2016, Phys. Rev. D 93, 024013",
    "bilby": "Bilby, Ashton et al. 2019, ApJS 241, 27",
    "cwb": "coherent WaveBurst, Klimenko et al. 2016, Phys. Rev. D 93, 042004",
    "lalinference": "LALInference, Veitch et al. 2015, Phys. Rev. D 91, 042003",
}
METHOD = "I. Bartos et al. 2019, Phys. Rev. D 100, 083017"
PIPELINE = "S. Countryman et al. 2019, arXiv:1901.05486"


def neutrino_release(source: str) -> str:
    """The release behind a neutrino source's name (`icecube-3yr (excerpt)`); empty for one that is not known."""
    return next((text for name, text in _RELEASES.items() if name in source), "")


def localisation(skymap_filename: str) -> str:
    """The method that made a sky map, by its file's name (`bayestar.multiorder.fits,1`); empty when not known."""
    name = skymap_filename.lower()
    return next((text for method, text in _LOCALISATIONS.items() if method in name), "")
