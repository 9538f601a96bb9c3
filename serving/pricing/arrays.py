"""The arrays of pricing: floats of estimates, integers of counts, truths of choices."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]
