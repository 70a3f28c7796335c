"""What devices/imaging/direction.py weighs: five kinds of stroke, eight pairs of rows from the outside in.

Logistic regression over lines of the service catalogue's own words, in the four Noto CJK faces at 11 to 28 px, blurred
and noisy. Of the lines it had not seen 95 in 100 scored right, one by one.
"""

from __future__ import annotations

import numpy as np

WEIGHTS = np.array(
    [
        -0.202,
        0.021,
        0.885,
        2.209,
        2.704,
        2.058,
        1.025,
        0.337,
        -0.764,
        -0.710,
        -1.107,
        -1.888,
        -2.119,
        -1.597,
        -0.768,
        -0.190,
        0.000,
        0.161,
        -0.325,
        -0.488,
        0.919,
        0.343,
        0.718,
        -0.441,
        0.000,
        0.434,
        1.315,
        1.409,
        1.347,
        -0.786,
        -1.714,
        -1.259,
        0.000,
        2.015,
        -0.183,
        -2.430,
        -1.739,
        -0.790,
        1.545,
        0.693,
    ],
    np.float32,
)
