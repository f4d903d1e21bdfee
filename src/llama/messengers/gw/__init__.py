"""Gravitational waves: alerts of LIGO, Virgo and KAGRA, their sky maps, distances and classification."""

from llama.messengers import Messenger
from llama.messengers.gw.notice import TOPICS, read
from llama.messengers.gw.products import PRODUCTS

MESSENGER = Messenger(
    name="gw",
    help="gravitational-wave alerts of LIGO, Virgo and KAGRA (igwn.gwalert JSON, VOEvent), sky maps, p_astro",
    products=PRODUCTS,
    topics=TOPICS,
    read=read,
)
