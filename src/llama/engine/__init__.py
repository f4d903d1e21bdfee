"""The file graph: an event is a folder of files, and every file says which files it is made from.

Knows nothing of astronomy. Read `graph.product` first, then `running.status` (the whole policy), then
`running.making` (how a result becomes part of an event, and what a crash leaves). `folder` is an event on disk
and its memory, `running` keeps many of them up to date.
"""

import sys

if sys.platform == "win32":
    raise ImportError("llama needs the file locks and renames of Linux or macOS; on Windows, use WSL 2")
