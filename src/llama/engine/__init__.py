"""The file graph: an event is a folder of files, and every file says which files it is made from.

Knows nothing of astronomy. Read `product` first, then `status` (the whole policy), then `commit`.
"""
