"""Every Python that a test starts imports this first, because `tests/conftest.py` puts it on its path."""

from loopback import install

install()
