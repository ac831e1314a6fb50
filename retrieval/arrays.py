"""Names for the arrays that cross the rooms."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

Csr: TypeAlias = Any
"""A ``scipy.sparse.csr_matrix``, whose own annotations are too loose to check against."""
