"""An autoencoder: squeeze a row through a bottleneck, rebuild it, measure what is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from anomaly_lab import keras_setup
from anomaly_lab.detectors import networks
from anomaly_lab.detectors.base import Array, Card, Detector
from anomaly_lab.thresholds import Threshold

_BLOCK = 1024  # rows scored at a time; always padded to this, so that the network compiles once


class AutoencoderDetector(Detector):
    card: ClassVar[Card] = Card(
        name="autoencoder",
        title="Autoencoder",
        idea="A network squeezes each row through a narrow code and rebuilds it. Trained on normal "
        "rows alone, it rebuilds these well and others badly.",
        score="squared reconstruction error, summed over the standardised features",
        works="Normal rows lie on a curved surface of few dimensions, and there are enough of them "
        "(hundreds at least) to learn it.",
        fails="Fitting rows hold many anomalies, which it then learns to rebuild; rows are few; "
        "the bottleneck is as wide as the input and nothing forbids copying.",
        cost="fit O(steps × batch × weights), score O(weights) a row; keeps only the weights",
        reference="Hawkins, He, Williams and Baxter (2002), doi:10.1007/3-540-46145-0_17",
    )

    def __init__(
        self,
        hidden: Sequence[int] | None = None,
        bottleneck: int | None = None,
        activation: str = "relu",
        noise: float | tuple[float, float] = (0.05, 3.0),
        epochs: int = 50,
        batch_size: int = 64,
        learning_rate: float = 5e-3,
        validation_fraction: float = 0.1,
        patience: int = 10,
        random_state: int = 0,
        verbose: bool = False,
        build: Callable[[int], tuple[Any, Any]] | None = None,
        threshold: Threshold | str | None = None,
    ):
        self.hidden = hidden
        self.bottleneck = bottleneck
        self.activation = activation
        self.noise = noise
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose
        self.build = build
        self.threshold = threshold

    def prepare(self) -> None:
        """Import Keras and its backend, which takes seconds."""
        keras_setup.load()

    def encode(self, X: npt.ArrayLike) -> Array:
        """Return the code of each row, shape (n, bottleneck)."""
        return self._run(self.encoder_, self._standardize(self._validate(X, reset=False)))

    def reconstruct(self, X: npt.ArrayLike) -> Array:
        """Return each row as the network rebuilds it, shape (n, d), in the units of `X`."""
        rows = self._standardize(self._validate(X, reset=False))
        return self._rebuild(rows) * self.scale_ + self.center_

    def _fit(self, X: Array) -> Array:
        rng = np.random.default_rng(self.random_state)
        self.center_, spread = X.mean(axis=0), X.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)  # constant features stay 0
        rows = self._standardize(X)
        order = rng.permutation(len(rows))
        n_held = int(len(rows) * self.validation_fraction)
        self.encoder_, self.decoder_ = self._build(X.shape[1])
        self.history_ = networks.train(
            self.encoder_,
            self.decoder_,
            rows[order[n_held:]],
            rows[order[:n_held]],
            self._training(),
            rng,
        )
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return self._feature_errors(X).sum(axis=1)

    def _feature_errors(self, X: Array) -> Array:
        rows = self._standardize(X)
        return (rows - self._rebuild(rows)) ** 2

    def _standardize(self, X: Array) -> npt.NDArray[np.float32]:
        return ((X - self.center_) / self.scale_).astype(np.float32)

    def _rebuild(self, rows: npt.NDArray[np.float32]) -> Array:
        return self._run(self.decoder_, self._run(self.encoder_, rows))

    def _run(self, network: Any, rows: npt.NDArray[Any]) -> Array:
        out = np.empty((len(rows), network.output_shape[-1]))
        for i in range(0, len(rows), _BLOCK):
            block = rows[i : i + _BLOCK]
            padded = np.pad(block, ((0, _BLOCK - len(block)), (0, 0)))
            out[i : i + _BLOCK] = network.predict_on_batch(padded)[: len(block)]
        return out

    def _build(self, d: int) -> tuple[Any, Any]:
        if self.build is not None:
            return self.build(d)
        hidden = (128, 64) if self.hidden is None else tuple(self.hidden)
        bottleneck = max(1, min(round(0.8 * d), 16, d - 1)) if self.bottleneck is None else self.bottleneck
        return networks.build(d, hidden, bottleneck, self.activation, self.random_state)

    def _training(self) -> networks.Training:
        noise = self.noise if isinstance(self.noise, tuple) else (self.noise, self.noise)
        return networks.Training(
            self.epochs, self.batch_size, self.learning_rate, noise, self.patience, self.verbose
        )
