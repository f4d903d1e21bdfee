"""The file graph: an event is a folder of files, and every file says which files it is made from.

Knows nothing of astronomy. Read `product` first, then `status` (the whole policy), then `making` (how a result
becomes part of an event, and what a crash leaves). `event` is the folder, `journal` and `state` its memory,
`runner` keeps many of them up to date.
"""

import sys

if sys.platform == "win32":
    raise ImportError("llama needs the file locks and renames of Linux or macOS; on Windows, use WSL 2")
