"""Card payments, simulated: fraud by fixed rules, so the labels are true by construction."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from anomaly_lab.datasets.dataset import RowsAndLabels


def card_transactions(rows: int, rng: Generator) -> RowsAndLabels:
    """Draw card payments and call the suspicious ones fraud, by fixed rules.

    The columns, their distributions and the kind of rules are those of the public table of card
    transactions. A payment is fraud if no PIN was entered and it is

    - dear (more than 4 times the median purchase) and online, or
    - far from home (more than 100) or from the last payment (more than 50), online, and made
      without the chip, or
    - dear, at a new retailer, and made without the chip, or
    - at least two of: dear, far from home, far from the last payment.

    These rules err on 33 of the 49,999 real rows at hand.

    Parameters
    ----------
    rows : int
        How many payments to draw.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    DataFrame of shape (rows, 7)
        Two distances and a ratio (log-normal) and four flags 0/1, all as floats.
    array of shape (rows,)
        1 = fraud, about 8.6% of the rows.
    """
    X = pd.DataFrame(
        {
            "distance_from_home": rng.lognormal(np.log(10), 1.4, rows),
            "distance_from_last_transaction": rng.lognormal(0, 1.8, rows),
            "ratio_to_median_purchase_price": rng.lognormal(0, 1.1, rows),
        }
    )
    X["repeat_retailer"] = (X["distance_from_home"] > 1.9).astype(float)
    for flag, share in {"used_chip": 0.35, "used_pin_number": 0.1, "online_order": 0.65}.items():
        X[flag] = (rng.random(rows) < share).astype(float)
    return X, is_fraud(X).astype(np.int8)


def is_fraud(X: pd.DataFrame) -> NDArray[np.bool_]:
    """Apply the rules of `card_transactions`.

    Parameters
    ----------
    X : DataFrame of shape (n, 7)
        Payments.

    Returns
    -------
    array of shape (n,)
        True where a payment is fraud.
    """
    dear = X["ratio_to_median_purchase_price"].to_numpy() > 4
    far = X["distance_from_home"].to_numpy() > 100
    jump = X["distance_from_last_transaction"].to_numpy() > 50
    online = X["online_order"].to_numpy() == 1
    bare = X["used_chip"].to_numpy() == 0
    new = X["repeat_retailer"].to_numpy() == 0
    several = (dear & far) | (dear & jump) | (far & jump)
    suspicious = (dear & online) | ((far | jump) & online & bare) | (dear & new & bare) | several
    return suspicious & (X["used_pin_number"].to_numpy() == 0)
