"""What the detectors with an encoder and a decoder share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.preprocessing import StandardScaler

from anomaly_lab.contract import Array, Bounds, Count, Detector, Seed
from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend, networks

Units = Annotated[int, Bounds(low=1, high=10_000)]  # of a layer
Epochs = Annotated[int, Bounds(low=1, high=1_000_000)]
Rate = Annotated[float, Bounds(above=0, high=1)]
HeldBack = Annotated[float, Bounds(low=0, below=1)]


class EncoderDecoder(Detector):
    """Networks for standardised rows, their training and their use.

    Between `Detector` and a detector, which also writes `_networks` and `_objective`. Its
    parameters and attributes are those of `AutoencoderDetector`.
    """

    hidden: Sequence[Units] | None
    bottleneck: Units | None
    epochs: Epochs
    batch_size: Count
    learning_rate: Rate
    validation_fraction: HeldBack
    patience: Count
    random_state: Seed
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
        """Set the attributes."""
        networks.require_float32()
        how, objective = self._training(), self._objective(X.shape[1])
        rng = np.random.default_rng(int(self.random_state))
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
        hidden = (128, 64) if self.hidden is None else tuple(map(int, self.hidden))
        try:
            return networks.build(d, hidden, self._width(d), activation, rng, outputs_per_unit)
        except ValueError as error:
            first_line = str(error).splitlines()[0]
            raise InputError(f"{type(self).__name__}: {first_line}") from error

    def _width(self, d: int) -> int:
        """Return the width of the bottleneck for d features."""
        narrow = max(1, min(round(0.8 * d), d - 1, 16))
        return narrow if self.bottleneck is None else int(self.bottleneck)

    def _training(self) -> networks.Training:
        parameters = {**self.get_params(), "random_state": None}
        own_code = any(map(callable, parameters.values()))  # such as `build`
        return networks.Training(
            epochs=int(self.epochs),
            batch_size=int(self.batch_size),
            learning_rate=float(self.learning_rate),
            patience=int(self.patience),
            verbose=bool(self.verbose),
            kind=None if own_code else (type(self), repr(parameters)),
        )
