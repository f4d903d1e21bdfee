"""Where a token may go."""

from __future__ import annotations

import pytest

from llama.services.errors import ServiceError
from llama.services.neutrinos import Asking, wrong_address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://neutrinos.example.org/v1", "anybody can read"),
        ("http://10.0.0.1/v1", "anybody can read"),
        ("http://localhost.example.org/", "anybody can read"),
        ("https://me:secret@neutrinos.example.org/", "no user name"),
        ("https://neutrinos.example.org/?token=x", "no user name"),
        ("ftp://neutrinos.example.org/", "no address"),
        ("neutrinos.example.org", "no address"),
        ("https://[::1", "no address"),
        ("https://a:b/", "no address"),
    ],
)
def test_where_a_token_must_not_go(url, words):
    assert words in (wrong_address(url) or "")
    with pytest.raises(ServiceError, match=words):
        Asking(url)


@pytest.mark.parametrize(
    "url", ["https://neutrinos.example.org/v1", "http://localhost:8000/", "http://127.0.0.1/", "http://[::1]:80/x"]
)
def test_where_it_may(url):
    assert wrong_address(url) is None
