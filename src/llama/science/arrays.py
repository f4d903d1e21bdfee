"""Arrays by what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Complex = NDArray[np.complex128]
Index = NDArray[np.int64]
Bool = NDArray[np.bool_]
Order = NDArray[np.uint8]
Rows = NDArray[Any]
"""Structured: a field per column."""
