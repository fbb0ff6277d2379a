"""What the detectors with an encoder and a decoder share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.preprocessing import StandardScaler

from anomaly_lab.contract import Array, Detector
from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend, networks


class EncoderDecoder(Detector):
    """Networks for standardised rows, their training and their use.

    Between `Detector` and a detector, which also writes `_networks` and `_objective`. Its
    parameters and attributes are those of `AutoencoderDetector`.
    """

    hidden: Sequence[int] | None
    bottleneck: int | None
    epochs: int
    batch_size: int
    learning_rate: float
    validation_fraction: float
    patience: int
    random_state: int
    verbose: bool

    encoder_: Any
    decoder_: Any
    history_: pd.DataFrame
    center_: Array
    scale_: Array

    def prepare(self) -> None:
        """Import Keras and its backend, which takes seconds."""
        backend.load()

    def encode(self, X: npt.ArrayLike) -> Array:
        """Return the code of each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            Rows with the features seen by `fit`.

        Returns
        -------
        ndarray of shape (n, bottleneck)
        """
        return self._code(self._standardize(self._validate(X, reset=False)))

    def reconstruct(self, X: npt.ArrayLike) -> Array:
        """Return each row as the network rebuilds it.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            Rows with the features seen by `fit`.

        Returns
        -------
        ndarray of shape (n, d)
            In the units of `X`.
        """
        rows = self._standardize(self._validate(X, reset=False))
        return self._rebuild(rows) * self.scale_ + self.center_

    def _draw(self, ax: Any, row: Array) -> None:
        """An arrow leads from the row to where the network puts it: its reconstruction."""
        ax.annotate("", self.reconstruct(row[None])[0], row, arrowprops={"arrowstyle": "->"})

    def _networks(self, d: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Return an untrained encoder and decoder."""
        raise NotImplementedError

    def _objective(self, d: int) -> networks.Objective:
        """Return what the networks are trained for."""
        raise NotImplementedError

    def _layers(self) -> list[Any]:
        """Return what is trained, one after the other."""
        return [self.encoder_, self.decoder_]

    def _code(self, rows: Array) -> Array:
        """Return the code of standardised rows."""
        return networks.run(self.encoder_, rows)

    def _rebuild(self, rows: Array) -> Array:
        """Return standardised rows as the network rebuilds them."""
        return networks.run(self.decoder_, self._code(rows))

    def _standardize(self, X: Array) -> Array:
        return (X - self.center_) / self.scale_

    def _fit_networks(self, X: Array) -> None:
        """Set the attributes, once every parameter has been looked at."""
        how, objective = self._training(), self._objective(X.shape[1])
        rng = np.random.default_rng(self.random_state)
        scaler = StandardScaler().fit(X)
        self.center_, self.scale_ = scaler.mean_, scaler.scale_
        self.encoder_, self.decoder_ = self._networks(X.shape[1], rng)
        rows = rng.permutation(self._standardize(X).astype(np.float32))
        n_held_back = int(len(rows) * self.validation_fraction)
        fit, held_back = rows[n_held_back:], rows[:n_held_back]
        self.history_ = networks.train(self._layers(), objective, fit, held_back, how, rng)

    def _build_networks(
        self, d: int, activation: str, rng: np.random.Generator, outputs_per_unit: int = 1
    ) -> tuple[Any, Any]:
        hidden = (128, 64) if self.hidden is None else tuple(self.hidden)
        try:
            return networks.build(d, hidden, self._width(d), activation, rng, outputs_per_unit)
        except ValueError as error:
            first_line = str(error).splitlines()[0]
            raise InputError(f"{type(self).__name__}: {first_line}") from error

    def _width(self, d: int) -> int:
        """Return the width of the bottleneck for d features."""
        narrow = max(1, min(round(0.8 * d), d - 1, 16))
        return narrow if self.bottleneck is None else self.bottleneck

    def _training(self) -> networks.Training:
        require = self._require
        layers = self.hidden is None or isinstance(self.hidden, Sequence)
        require(layers, "hidden", "a sequence of layer widths such as (128, 64)", self.hidden)
        for width in (*(self.hidden or ()), 1 if self.bottleneck is None else self.bottleneck):
            require(width >= 1, "hidden and bottleneck", "at least 1 unit a layer", width)
        for name in ("epochs", "batch_size", "patience"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        require(self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        share = self.validation_fraction
        require(0 <= share < 1, "validation_fraction", "from 0 to below 1", share)
        parameters = {**self.get_params(), "random_state": None}
        own_code = any(map(callable, parameters.values()))  # such as `build`
        return networks.Training(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            verbose=self.verbose,
            kind=None if own_code else (type(self), repr(parameters)),
        )

    def _require(self, holds: bool, name: str, expected: str, value: object) -> None:
        if not holds:
            raise InputError(f"{type(self).__name__}: {name} must be {expected}, got {value!r}.")
