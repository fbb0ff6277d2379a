"""An autoencoder: squeeze a row through a bottleneck, rebuild it, measure what is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from anomaly_lab import keras_setup
from anomaly_lab.detectors import networks
from anomaly_lab.detectors.base import Array, Card, Detector
from anomaly_lab.errors import InputError
from anomaly_lab.thresholds import Threshold

_BLOCK = 1024  # rows scored at a time; always padded to this, so that the network compiles once
_FARTHEST = 1e4  # standard deviations beyond which the network sees no further
_FLOOR = 0.1  # share of the mean error below which no feature's typical error counts


class AutoencoderDetector(Detector):
    """Error of rebuilding a row after squeezing it through a narrow code.

    Features are standardised, so their units and scales do not matter. In training, noise is added
    to each row and the network has to return the row without it: it learns the way back to normal
    rows from near and far, and cannot get by with copying.

    Parameters
    ----------
    hidden : sequence of int, optional
        Units of the encoder's hidden layers; the decoder mirrors them. ``(128, 64)`` by default.
    bottleneck : int, optional
        Units of the code. By default ``min(round(0.8 * d), 16)`` for d features, and less than d
        where there are two features or more.
    activation : str, default "relu"
        Activation of the hidden layers, by its Keras name; code and output are linear.
    noise : float or (float, float), default (0.05, 3.0)
        Standard deviation of the noise on standardised training rows. A pair is a range, from which
        each row draws its own, log-uniformly. 0 trains a plain autoencoder.
    scale_errors : bool, default True
        Whether each feature's squared error is divided by its mean over the fitting rows, so that a
        feature that is hard to rebuild for any row counts no more than others.
    epochs : int, default 30
        Passes over the fitting rows at most; a pass over few rows is stretched to 100 gradient
        steps.
    batch_size : int, default 64
        Rows a gradient step.
    learning_rate : float, default 0.005
        Peak learning rate of Adam; it rises over the first 5% of the steps and falls to zero along
        a cosine.
    validation_fraction : float, default 0.1
        Share of the fitting rows that is held back to decide when to stop. With fewer than
        1 / `validation_fraction` rows nothing is held back.
    patience : int, default 10
        Epochs without improvement after which training stops; the best weights are kept.
    random_state : int, default 0
        Seed of the first weights, the order of the rows, the noise and the held-back rows.
    verbose : bool, default False
        Whether to show a progress bar.
    build : callable, optional
        ``build(d) -> (encoder, decoder)``: Keras models of your own for standardised rows of d
        features, instead of `hidden`, `bottleneck` and `activation`.
    threshold : Threshold or str, optional
        Rule that sets `offset_` from the training scores; None means their 0.95 quantile.

    Attributes
    ----------
    encoder_, decoder_ : keras.Model
        ``(n, d) -> (n, bottleneck)`` and back, for standardised rows.
    history_ : DataFrame
        One row an epoch: ``loss`` and ``val_loss``.
    center_, scale_ : ndarray of shape (d,)
        Mean and standard deviation of the fitting rows.
    error_scale_ : ndarray of shape (d,)
        What each feature's squared error is divided by; ones without `scale_errors`.

    Notes
    -----
    The defaults serve 25 tables of ADBench, ECG5000 and the card transactions at once, chosen on
    some of the tables and checked on the others. What mattered most: noise of many sizes, whose
    undoing teaches the network the density of the rows (Alain and Bengio 2014), and two hidden
    layers. A narrow code matters for long, smooth rows such as heartbeats.

    References
    ----------
    Hawkins, He, Williams and Baxter, "Outlier detection using replicator neural networks", DaWaK
    2002, doi:10.1007/3-540-46145-0_17.

    Vincent, Larochelle, Bengio and Manzagol, "Extracting and composing robust features with
    denoising autoencoders", ICML 2008, doi:10.1145/1390156.1390294.

    Alain and Bengio, "What regularized auto-encoders learn from the data-generating distribution",
    JMLR 15 (2014), https://jmlr.org/papers/v15/alain14a.html.
    """

    card: ClassVar[Card] = Card(
        name="autoencoder",
        title="Autoencoder",
        idea="A network squeezes each row through a narrow code and rebuilds it. Trained on normal "
        "rows, it rebuilds these well and others badly.",
        score="squared reconstruction error, mean over the features, each in units of its mean "
        "error on the fitting rows: about 1 for a normal row",
        works="Features depend on each other along curves, and there are hundreds of fitting rows.",
        fails="Fitting rows hold many anomalies, which it then learns to rebuild; rows are few; "
        "the network can copy its input, being wide and trained without noise.",
        cost="fit O(steps × batch × weights), score O(weights) a row; keeps only the weights",
        reference="Hawkins, He, Williams and Baxter (2002), doi:10.1007/3-540-46145-0_17",
    )

    def __init__(
        self,
        hidden: Sequence[int] | None = None,
        bottleneck: int | None = None,
        activation: str = "relu",
        noise: float | tuple[float, float] = (0.05, 3.0),
        scale_errors: bool = True,
        epochs: int = 30,
        batch_size: int = 64,
        learning_rate: float = 0.005,
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
        self.scale_errors = scale_errors
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
        """Return the code of each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            Rows with the features seen by `fit`.

        Returns
        -------
        ndarray of shape (n, bottleneck)
        """
        return self._run(self.encoder_, self._standardize(self._validate(X, reset=False)))

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

    def _fit(self, X: Array) -> Array:
        how = self._training()
        rng = np.random.default_rng(self.random_state)
        scaler = StandardScaler().fit(X)
        self.center_, self.scale_ = scaler.mean_, scaler.scale_
        self.encoder_, self.decoder_ = self._networks(X.shape[1], rng)
        rows = rng.permutation(self._standardize(X).astype(np.float32))
        n_held_back = int(len(rows) * self.validation_fraction)
        self.history_ = networks.train(
            self.encoder_, self.decoder_, rows[n_held_back:], rows[:n_held_back], how, rng
        )
        self.error_scale_ = np.ones(X.shape[1])
        if self.scale_errors:
            typical = self._feature_errors(X).mean(axis=0)
            self.error_scale_ = typical + _FLOOR * typical.mean() + np.finfo(np.float32).tiny
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return self._feature_errors(X).mean(axis=1)

    def _feature_errors(self, X: Array) -> Array:
        rows = self._standardize(X)
        return (rows - self._rebuild(rows)) ** 2 / self.error_scale_

    def _standardize(self, X: Array) -> Array:
        return (X - self.center_) / self.scale_

    def _rebuild(self, rows: Array) -> Array:
        return self._run(self.decoder_, self._run(self.encoder_, rows))

    def _run(self, network: Any, rows: Array) -> Array:
        """Return what a network makes of standardised rows, (n, inputs) -> (n, outputs)."""
        out = np.empty((len(rows), network.output_shape[-1]))
        for i in range(0, len(rows), _BLOCK):
            block = np.zeros((_BLOCK, rows.shape[1]), np.float32)
            n = len(rows[i : i + _BLOCK])
            np.clip(rows[i : i + n], -_FARTHEST, _FARTHEST, out=block[:n], casting="same_kind")
            out[i : i + n] = network.predict_on_batch(block)[:n]
        return out

    def _networks(self, d: int, rng: np.random.Generator) -> tuple[Any, Any]:
        if self.build is not None:
            encoder, decoder = self.build(d)
            _check_networks(encoder, decoder, d)
            return encoder, decoder
        hidden = (128, 64) if self.hidden is None else tuple(self.hidden)
        narrow = max(1, min(round(0.8 * d), d - 1, 16))
        bottleneck = narrow if self.bottleneck is None else self.bottleneck
        try:
            return networks.build(d, hidden, bottleneck, self.activation, rng)
        except ValueError as error:
            raise InputError(f"AutoencoderDetector: {str(error).splitlines()[0]}") from error

    def _training(self) -> networks.Training:
        """Return the settings of the training, once every parameter has been looked at."""
        layers = self.hidden is None or isinstance(self.hidden, Sequence)
        _require(layers, "hidden", "a sequence of layer widths such as (128, 64)", self.hidden)
        for width in (*(self.hidden or ()), 1 if self.bottleneck is None else self.bottleneck):
            _require(width >= 1, "hidden and bottleneck", "at least 1 unit a layer", width)
        for name in ("epochs", "batch_size", "patience"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        share = self.validation_fraction
        _require(0 <= share < 1, "validation_fraction", "from 0 to below 1", share)
        low, high = self.noise if isinstance(self.noise, Sequence) else (self.noise, self.noise)
        _require(0 < low <= high or low == high == 0, "noise", "0, or 0 < low <= high", self.noise)
        return networks.Training(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            noise=(low, high),
            patience=self.patience,
            verbose=self.verbose,
        )


def _require(holds: bool, name: str, expected: str, came: object) -> None:
    if not holds:
        raise InputError(f"AutoencoderDetector: {name} must be {expected}, got {came!r}.")


def _check_networks(encoder: Any, decoder: Any, d: int) -> None:
    shapes = (encoder.input_shape[-1], encoder.output_shape[-1], decoder.input_shape[-1])
    if shapes[0] != d or decoder.output_shape[-1] != d or shapes[1] != shapes[2]:
        raise InputError(
            f"build({d}) must return an encoder ({d} -> k) and a decoder (k -> {d}), got "
            f"{shapes[0]} -> {shapes[1]} and {shapes[2]} -> {decoder.output_shape[-1]}."
        )
