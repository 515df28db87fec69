"""The numpy array types that signatures name; shapes stand in docstrings, such as float32 [people, k]."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32Vector = NDArray[np.float32]
F32Matrix = NDArray[np.float32]
F64Array = NDArray[np.float64]
FloatingArray = NDArray[np.floating]  # float32 or float64, as the caller has it
JsonObject = dict[str, Any]
