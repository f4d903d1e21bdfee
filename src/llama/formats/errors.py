"""What can be wrong with a file or message from outside.

FormatError                 (a ValueError, so that the engine names the file)
├── InputError              no regular file, or larger than anything of its kind
├── SkyMapError             not a sky map, or one that cannot be a probability density
├── NoticeError             not a notice, malformed, or missing what we need
│   ├── NotForUs            a well-formed notice of another observatory
│   └── NoSkyMap            an alert that carries no sky map
├── RecordError             a JSON record that does not fit its type
├── TableError              not a file of IceCube tables, or one that lacks something
└── TypesettingError        a page that could not be set
"""

from __future__ import annotations


class FormatError(ValueError):
    """Root: a file or message that is not what it should be. The message says what to do."""


class InputError(FormatError):
    """No regular file (a folder, pipe or device), or larger than anything of its kind."""


class SkyMapError(FormatError):
    """Not a sky map, or one that cannot be a probability density."""


class NoticeError(FormatError):
    """Not a notice, malformed, or without something we need."""


class NotForUs(NoticeError):
    """A well-formed notice of another observatory."""


class NoSkyMap(NoticeError):
    """An alert that carries no sky map."""


class RecordError(FormatError):
    """A JSON record that does not fit its type."""


class TableError(FormatError):
    """Not a file of IceCube tables, or one that lacks something."""


class TypesettingError(FormatError):
    """The page could not be set: the template does not fit its data."""
