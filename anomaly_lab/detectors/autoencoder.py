"""An autoencoder: squeeze a row through a bottleneck, rebuild it, measure what is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np

from anomaly_lab.contract import Array, Bounds, Card, Case, Count, Failure, Seed, Sweep
from anomaly_lab.errors import InputError
from anomaly_lab.neural.encoder_decoder import EncoderDecoder, Epochs, HeldBack, Rate, Units
from anomaly_lab.neural.networks import Objective, Rows

_FLOOR = 0.1  # share of the mean error below which no feature's typical error counts

Noise = Annotated[float, Bounds(low=0, high=1000)]


class AutoencoderDetector(EncoderDecoder):
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
        Standard deviation of the noise on standardised training rows, up to 1000. A pair is a
        range, from which each row draws its own, log-uniformly. 0 trains a plain autoencoder.
    scale_errors : bool, default True
        Whether each feature's squared error is divided by its mean over the fitting rows, so that a
        feature that is hard to rebuild for any row counts no more than others.
    epochs : int, default 30
        Passes over the fitting rows at most; a pass over few rows is stretched to 100 gradient
        steps.
    batch_size : int, default 64
        Rows a gradient step.
    learning_rate : float, default 0.005
        Peak learning rate of Adam, up to 1; it rises over the first 5% of the steps and falls to
        zero along a cosine.
    validation_fraction : float, default 0.1
        Share of the fitting rows that is held back to decide when to stop. With fewer than
        1 / `validation_fraction` rows nothing is held back.
    patience : int, default 10
        Epochs without improvement after which training stops; the best weights stay.
    random_state : int, default 0
        Seed of the first weights, the order of the rows, the noise and the held-back rows.
    verbose : bool, default False
        Whether to show a progress bar.
    build : callable, optional
        ``build(d) -> (encoder, decoder)``: Keras models of your own for standardised rows of d
        features, instead of `hidden`, `bottleneck` and `activation`.

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
        formula=r"\frac{1}{d} \sum_{j=1}^{d} \frac{(x_j - \hat{x}_j)^2}{e_j}, \quad "
        r"\hat{x} = g(f(x)), \quad e_j \text{: mean squared error of feature } j",
        sweep=Sweep(
            parameter="noise",
            values=(0.0, 0.3, (0.05, 3.0)),
            case=Case("shapes/moons"),
            effect="Without noise the network also rebuilds points far beyond the ends of the "
            "moons. Trained to undo noise, it leads rows back from there; noise of many sizes does "
            "so from near and far, and blurs the gap between the moons.",
        ),
        failure=Failure(
            cause="The fitting rows hold a clump of anomalies, and the network learns to rebuild "
            "these too.",
            case=Case("shapes/clump", contamination=0.05),
            cure=Case("shapes/clump"),
        ),
    )

    def __init__(
        self,
        hidden: Sequence[Units] | None = None,
        bottleneck: Units | None = None,
        activation: str = "relu",
        noise: Noise | tuple[Noise, Noise] = (0.05, 3.0),
        scale_errors: bool = True,
        epochs: Epochs = 30,
        batch_size: Count = 64,
        learning_rate: Rate = 0.005,
        validation_fraction: HeldBack = 0.1,
        patience: Count = 10,
        random_state: Seed = 0,
        verbose: bool = False,
        build: Callable[[int], tuple[Any, Any]] | None = None,
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

    def _fit(self, X: Array) -> Array:
        self._fit_networks(X)
        self.error_scale_ = np.ones(X.shape[1])
        if self.scale_errors:
            typical = self._errors(X).mean(axis=0)
            self.error_scale_ = typical + _FLOOR * typical.mean() + np.finfo(np.float32).tiny
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return self._errors(X).mean(axis=1)

    def _contributions(self, X: Array) -> Array:
        return self._errors(X) / X.shape[1]

    def _errors(self, X: Array) -> Array:
        """Return each feature's squared error in units of `error_scale_`, (n, d)."""
        rows = self._standardize(X)
        return (rows - self._rebuild(rows)) ** 2 / self.error_scale_

    def _networks(self, d: int, rng: np.random.Generator) -> tuple[Any, Any]:
        if self.build is None:
            return self._build_networks(d, self.activation, rng)
        encoder, decoder = self.build(d)
        _check_networks(encoder, decoder, d)
        return encoder, decoder

    def _objective(self, d: int) -> Objective:
        low, high = self.noise if isinstance(self.noise, Sequence) else (self.noise, self.noise)
        if not (0 < low <= high or low == high == 0):
            raise InputError(
                f"AutoencoderDetector: noise must be 0, or 0 < low <= high, got {self.noise!r}."
            )
        return Objective(
            loss=lambda rows, rebuilt: (rebuilt - rows) ** 2,
            inputs=None if high == 0 else partial(_add_noise, scale=(low, high)),
        )


def _add_noise(rows: Rows, rng: np.random.Generator, scale: tuple[float, float]) -> Rows:
    """Add Gaussian noise whose standard deviation is drawn log-uniformly for each row."""
    low, high = scale
    sigma = np.exp(rng.uniform(np.log(low), np.log(high), (len(rows), 1)))  # (n, 1)
    noise = rng.standard_normal(rows.shape, dtype=np.float32)
    return rows + sigma.astype(np.float32) * noise


def _check_networks(encoder: Any, decoder: Any, d: int) -> None:
    shapes = (encoder.input_shape[-1], encoder.output_shape[-1], decoder.input_shape[-1])
    if shapes[0] != d or decoder.output_shape[-1] != d or shapes[1] != shapes[2]:
        raise InputError(
            f"build({d}) must return an encoder ({d} -> k) and a decoder (k -> {d}), got "
            f"{shapes[0]} -> {shapes[1]} and {shapes[2]} -> {decoder.output_shape[-1]}."
        )
