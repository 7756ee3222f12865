"""What arrays of numbers are called where they pass from one module to another."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Any shape; the docstring says which."""
Vector = NDArray[np.float32]
"""Shape (d,), length 1."""
Vectors = NDArray[np.float32]
"""Shape (n, d), rows of length 1."""
