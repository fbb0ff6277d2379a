"""The network behind `AutoencoderDetector`: how it is built and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from anomaly_lab import keras_setup

Rows = npt.NDArray[np.float32]
_LEAST_STEPS = 64  # gradient steps an epoch at least
_STEPS_PER_CALL = 64  # gradient steps handed to the backend at a time


@dataclass(frozen=True)
class Training:
    """How a network is trained; the names are those of `AutoencoderDetector`."""

    epochs: int
    batch_size: int
    learning_rate: float
    noise: tuple[float, float]
    patience: int
    verbose: bool


def build(
    d: int, hidden: Sequence[int], bottleneck: int, activation: str, seed: int
) -> tuple[Any, Any]:
    """Return a fully connected ``(encoder, decoder)`` that mirror each other.

    Parameters
    ----------
    d : int
        Number of features.
    hidden : sequence of int
        Units of the encoder's hidden layers; the decoder has them in reverse.
    bottleneck : int
        Units of the code.
    activation : str
        Activation of the hidden layers; the code and the output are linear.
    seed : int
        Seed of the first weights.

    Returns
    -------
    encoder, decoder : keras.Sequential
        ``(n, d) -> (n, bottleneck)`` and ``(n, bottleneck) -> (n, d)``.
    """
    keras = keras_setup.load()
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))

    def stack(name: str, inputs: int, units: Sequence[int]) -> Any:
        layers = [keras.Input((inputs,))]
        for i, width in enumerate(units):
            layers.append(
                keras.layers.Dense(
                    width,
                    activation=activation if i < len(units) - 1 else None,
                    kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
                )
            )
        return keras.Sequential(layers, name=name)

    encoder = stack("encoder", d, [*hidden, bottleneck])
    decoder = stack("decoder", bottleneck, [*reversed(hidden), d])
    return encoder, decoder


def train(
    encoder: Any,
    decoder: Any,
    fit: Rows,
    held_back: Rows,
    how: Training,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Train decoder(encoder(noisy row)) to return the row, and keep the best weights seen.

    Parameters
    ----------
    encoder, decoder : keras.Model
        Trained in place.
    fit, held_back : ndarray of shape (n, d), (m, d)
        Standardised rows to learn from, and rows that decide when to stop; m may be 0, then the
        training loss decides.
    how : Training
        Settings.
    rng : numpy.random.Generator
        Source of the row order and the noise.

    Returns
    -------
    DataFrame
        One row an epoch: ``loss`` and, with held-back rows, ``val_loss``; mean squared errors a
        feature of standardised rows, of noisy inputs.
    """
    keras = keras_setup.load()
    scans = keras.backend.backend() == "jax"
    size = min(how.batch_size, len(fit))
    n_batches = max(len(fit) // size, _LEAST_STEPS)
    per_call = min(n_batches, _STEPS_PER_CALL)
    n_batches -= n_batches % per_call

    make = _scanning_model(keras, per_call) if scans else keras.Sequential
    model = make([encoder, decoder], name="autoencoder")
    rate = keras.optimizers.schedules.CosineDecay(how.learning_rate, how.epochs * n_batches)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="mse",
        steps_per_execution=1 if scans else per_call,
    )
    checked = (_add_noise(held_back, how.noise, rng), held_back) if len(held_back) else None
    callbacks = [
        keras.callbacks.EarlyStopping(
            "val_loss" if checked else "loss", patience=how.patience, restore_best_weights=True
        )
    ]
    if how.verbose:
        callbacks.append(_progress(keras, how.epochs))
    history = model.fit(
        _noisy_batches(keras, fit, how, rng, (size, n_batches), per_call if scans else 1),
        epochs=how.epochs,
        validation_data=checked,
        validation_batch_size=max(len(held_back), 1),
        shuffle=False,  # the rows are shuffled by `rng`; Keras would use NumPy's global state
        callbacks=callbacks,
        verbose=0,
    )
    return pd.DataFrame(history.history).rename_axis("epoch")


def _scanning_model(keras: Any, per_call: int) -> Any:
    """Return a Keras model class that takes `per_call` gradient steps in one compiled call.

    On JAX a small network's gradient step takes far less time than Keras needs to start it. So one
    Keras step gets the rows of `per_call` batches, and `jax.lax.scan` walks over them.
    """
    import jax

    class ScanningModel(keras.Sequential):
        def train_step(self, state: Any, data: Any) -> Any:
            trainable, frozen, optimizer, metrics = state

            def loss_of(weights: Any, noisy: Any, clean: Any) -> Any:
                rebuilt, _ = self.stateless_call(weights, frozen, noisy, training=True)
                return jax.numpy.mean((rebuilt - clean) ** 2)

            def step(carry: Any, batch: Any) -> Any:
                weights, moments = carry
                loss, gradient = jax.value_and_grad(loss_of)(weights, *batch)
                weights, moments = self.optimizer.stateless_apply(moments, gradient, weights)
                return (weights, moments), loss

            batches = [rows.reshape(per_call, -1, rows.shape[-1]) for rows in data]
            (trainable, optimizer), losses = jax.lax.scan(step, (trainable, optimizer), batches)
            logs, metrics = self._mean_loss(metrics, losses)
            return logs, (trainable, frozen, optimizer, metrics)

        def _mean_loss(self, metrics: Any, losses: Any) -> Any:
            """Update Keras's running mean of the loss, the model's only metric."""
            (tracker,) = (metric for metric in self.metrics if metric.name == "loss")
            metrics = tracker.stateless_update_state(metrics, losses.mean())
            return {"loss": tracker.stateless_result(metrics)}, metrics

    return ScanningModel


def _add_noise(rows: Rows, scale: tuple[float, float], rng: np.random.Generator) -> Rows:
    """Add Gaussian noise whose standard deviation is drawn log-uniformly for each row."""
    low, high = scale
    if high == 0:
        return rows
    sigma = np.exp(rng.uniform(np.log(low), np.log(high), (len(rows), 1)))  # (n, 1)
    noise = rng.standard_normal(rows.shape, dtype=np.float32)
    return rows + sigma.astype(np.float32) * noise


def _noisy_batches(
    keras: Any,
    rows: Rows,
    how: Training,
    rng: np.random.Generator,
    shape: tuple[int, int],
    at_once: int,
) -> Any:
    """Return a Keras data set of ``(noisy rows, rows)``: `at_once` shuffled batches an item.

    `shape` is (rows a batch, batches an epoch): an epoch is about one pass over the rows, or
    `_LEAST_STEPS` batches where a pass is shorter, so that small tables have epochs worth seeing.
    """
    size, n_batches = shape
    chunk = size * at_once

    class NoisyBatches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return n_batches // at_once

        def on_epoch_end(self) -> None:
            passes = -(-n_batches * size // len(rows))
            self.order = np.concatenate([rng.permutation(len(rows)) for _ in range(passes)])

        def __getitem__(self, i: int) -> tuple[Rows, Rows]:
            clean = rows[self.order[i * chunk : (i + 1) * chunk]]
            return _add_noise(clean, how.noise, rng), clean

    return NoisyBatches()


def _progress(keras: Any, epochs: int) -> Any:
    """Return a Keras callback that draws one progress bar for the whole training."""
    columns = (TextColumn("training"), BarColumn(), TextColumn("{task.description}"))
    progress = Progress(*columns, TimeRemainingColumn())

    class Bar(keras.callbacks.Callback):
        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            self.task = progress.add_task("", total=epochs)
            progress.start()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            told = " ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
            progress.update(
                self.task, completed=epoch + 1, description=f"{epoch + 1}/{epochs} {told}"
            )

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            progress.stop()

    return Bar()
