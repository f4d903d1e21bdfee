"""What can be wrong with a cluster.

FormatError
└── ClusterError        it cannot be started or reached, or it went away
    └── BlockLost       workers died of one block again and again
"""

from __future__ import annotations

from llama.formats.errors import FormatError

KEPT = "the same command goes on from the blocks that were kept"


class ClusterError(FormatError):
    """A cluster that cannot be started or reached, or that went away; the message says which, and what to do."""


class BlockLost(ClusterError):
    """Workers died of a block so often that it is not tried again; the message names the block and the worker."""
