"""The networks of encoder and decoder: how they are built, trained and run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend

Rows = npt.NDArray[np.float32]

_LEAST_STEPS = 100  # gradient steps an epoch, at least
_STEPS_PER_CALL = 50  # gradient steps handed to the backend at a time
_LEAST_CHECKED = 2048  # copies of the held-back rows, where drawn upon, for the validation loss
_LARGEST_GRADIENT = 1.0  # norm to which a gradient is cut, lest a few extreme rows take over
_WARM_UP = 0.05  # share of the steps over which the learning rate rises
_BLOCK = 1024  # rows run at a time; always padded to this, so that the network compiles once
_FARTHEST = 1e4  # standard deviations beyond which the network sees no further


@dataclass(frozen=True)
class Training:
    """How a network is trained; the names are those of `AutoencoderDetector`.

    `kind` is what its layers and its objective follow from, given the number of features: where it
    is the same, trainings share compiled code. None shares none.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    verbose: bool
    kind: Hashable = None


@dataclass(frozen=True)
class Objective:
    """What a network is trained for.

    Parameters
    ----------
    loss : callable
        ``loss(rows, outputs)``: terms whose mean is the loss, shape (n, terms), from rows of shape
        (n, d) and what the network made of them; written so that any backend can differentiate it.
    inputs : callable, optional
        ``inputs(rows, rng)``: what the network is given for rows, drawn anew at each use. None
        gives it the rows as they are.
    """

    loss: Callable[[Any, Any], Any]
    inputs: Callable[[Rows, np.random.Generator], Rows] | None = None

    def examples(self, rows: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """Return ``(inputs, rows)``."""
        return (rows if self.inputs is None else self.inputs(rows, rng)), rows


def require_float32() -> None:
    """Raise `InputError` where Keras is set to another precision: these networks are float32.

    Half precision overflows at 65504, and gradients in it fall to zero.
    """
    config = backend.load().config
    found = {config.floatx(), config.dtype_policy().name} - {"float32"}
    if found:
        raise InputError(
            f"Networks calculate in float32, and Keras is set to {', '.join(sorted(found))}: call "
            "keras.config.set_floatx('float32') and keras.config.set_dtype_policy('float32')."
        )


def build(
    d: int,
    hidden: Sequence[int],
    bottleneck: int,
    activation: str,
    rng: np.random.Generator,
    outputs_per_unit: int = 1,
) -> tuple[Any, Any]:
    """Return a fully connected encoder and decoder that mirror each other.

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
    rng : numpy.random.Generator
        Source of the first weights.
    outputs_per_unit : int, default 1
        How many numbers the encoder returns for each unit of the code.

    Returns
    -------
    encoder, decoder : keras.Sequential
        ``(n, d) -> (n, outputs_per_unit * bottleneck)`` and ``(n, bottleneck) -> (n, d)``.
    """
    encoder = _stack("encoder", d, [*hidden, outputs_per_unit * bottleneck], activation)
    decoder = _stack("decoder", bottleneck, [*reversed(hidden), d], activation)
    for network in (encoder, decoder):
        network.set_weights([_first_weights(w.shape, rng) for w in network.weights])
    return encoder, decoder


def train(
    layers: Sequence[Any],
    objective: Objective,
    fit: Rows,
    held_back: Rows,
    how: Training,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Train layers, one after the other, and keep the best weights seen.

    Parameters
    ----------
    layers : sequence of keras.Layer
        Such as an encoder and a decoder; trained in place.
    objective : Objective
        What they are given, and what is wanted of what they return.
    fit, held_back : ndarray of shape (n, d), (m, d)
        Standardised rows to learn from, and rows that decide when to stop; m may be 0, then the
        training loss decides.
    how : Training
        Settings.
    rng : numpy.random.Generator
        Source of the row order and of what the inputs draw.

    Returns
    -------
    DataFrame
        One row an epoch: ``loss`` and, with held-back rows, ``val_loss``.

    Raises
    ------
    InputError
        Where the training diverges: a loss that is not finite.
    """
    keras = backend.load()
    size = min(how.batch_size, len(fit))
    steps = max(len(fit) // size // _STEPS_PER_CALL * _STEPS_PER_CALL, _LEAST_STEPS)
    runs_on = keras.backend.backend()
    scans = runs_on == "jax"
    model_class = _scanning_model(keras, objective.loss) if scans else keras.Sequential
    model = model_class(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(
            _schedule(keras, how, steps), global_clipnorm=_LARGEST_GRADIENT
        ),
        loss=lambda rows, outputs: keras.ops.mean(objective.loss(rows, outputs), axis=-1),
        steps_per_execution=_STEPS_PER_CALL if runs_on == "tensorflow" else 1,
    )
    shared = _compiled(how.kind, fit.shape[1], steps) if scans and how.kind else {}
    model.train_function, model.test_function = shared.get("train"), shared.get("test")
    history = model.fit(
        _batches(keras, objective, fit, rng, size, steps, _STEPS_PER_CALL if scans else 1),
        epochs=how.epochs,
        validation_data=_copies(objective, held_back, rng) if len(held_back) else None,
        validation_batch_size=_LEAST_CHECKED,
        shuffle=False,  # the rows are shuffled by `rng`; Keras would use NumPy's global state
        callbacks=_callbacks(keras, how, "val_loss" if len(held_back) else "loss"),
        verbose=0,
    )
    shared.update(train=model.train_function, test=model.test_function)
    curve = pd.DataFrame(history.history).rename_axis("epoch")
    _refuse_divergence(curve, how)
    return curve


@lru_cache(maxsize=32)
def _compiled(*kind: Hashable) -> dict[str, Any]:
    """Return where trainings of one kind leave their compiled code for the next one.

    On JAX it is a function of the weights, so that one network's serves another of the same form;
    to trace it anew takes longer than a short training.
    """
    return {}


def run(network: Any, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what a network makes of standardised rows, (n, inputs) -> (n, outputs)."""
    out = np.empty((len(rows), network.output_shape[-1]))
    for i in range(0, len(rows), _BLOCK):
        block = np.zeros((_BLOCK, rows.shape[1]), np.float32)
        n = len(rows[i : i + _BLOCK])
        np.clip(rows[i : i + n], -_FARTHEST, _FARTHEST, out=block[:n], casting="same_kind")
        out[i : i + n] = network.predict_on_batch(block)[:n]
    return out


def _stack(name: str, inputs: int, units: Sequence[int], activation: str) -> Any:
    keras = backend.load()
    layers = [
        keras.layers.Dense(width, activation=activation, kernel_initializer="zeros")
        for width in units[:-1]
    ]
    last = keras.layers.Dense(units[-1], kernel_initializer="zeros")
    return keras.Sequential([keras.Input((inputs,)), *layers, last], name=name)


def _first_weights(shape: tuple[int, ...], rng: np.random.Generator) -> Rows:
    """Draw a kernel by Glorot's uniform rule (2010), zeros for a bias.

    Drawn here and not by Keras, whose draws cost seconds to compile and differ between backends.
    """
    if len(shape) < 2:
        return np.zeros(shape, np.float32)
    limit = np.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def _schedule(keras: Any, how: Training, steps: int) -> Any:
    """Let the learning rate rise at first and then fall to zero along a cosine."""
    total = how.epochs * steps
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=how.learning_rate,
        warmup_steps=max(1, round(_WARM_UP * total)),
        decay_steps=total - max(1, round(_WARM_UP * total)),
    )


def _scanning_model(keras: Any, loss_terms: Callable[[Any, Any], Any]) -> Any:
    """Return a Keras model class that takes many gradient steps in one compiled call.

    On JAX a small network's gradient step takes far less time than Keras needs to start it. So one
    Keras step gets the rows of `_STEPS_PER_CALL` batches, and `jax.lax.scan` walks over them.
    """
    import jax

    class ScanningModel(keras.Sequential):
        def train_step(self, state: Any, data: Any) -> Any:
            trainable, frozen, optimizer, metrics = state

            def loss_of(weights: Any, inputs: Any, rows: Any) -> Any:
                outputs, _ = self.stateless_call(weights, frozen, inputs, training=True)
                return jax.numpy.mean(loss_terms(rows, outputs))

            def step(carry: Any, batch: Any) -> Any:
                weights, moments = carry
                loss, gradient = jax.value_and_grad(loss_of)(weights, *batch)
                weights, moments = self.optimizer.stateless_apply(moments, gradient, weights)
                return (weights, moments), loss

            # (steps · size, width) -> (steps, size, width)
            batches = [part.reshape(_STEPS_PER_CALL, -1, part.shape[-1]) for part in data]
            (trainable, optimizer), losses = jax.lax.scan(step, (trainable, optimizer), batches)
            (tracker,) = (metric for metric in self.metrics if metric.name == "loss")
            metrics = tracker.stateless_update_state(metrics, losses.mean())
            logs = {"loss": tracker.stateless_result(metrics)}
            return logs, (trainable, frozen, optimizer, metrics)

    return ScanningModel


def _copies(objective: Objective, rows: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return examples with enough copies of few rows to make their loss a steady one."""
    copies = 1 if objective.inputs is None else max(1, _LEAST_CHECKED // len(rows))
    return objective.examples(np.tile(rows, (copies, 1)), rng)


def _batches(
    keras: Any,
    objective: Objective,
    rows: Rows,
    rng: np.random.Generator,
    size: int,
    steps: int,
    at_once: int,
) -> Any:
    """Return a Keras data set of `steps` batches an epoch, `at_once` of them an item.

    An item is ``(inputs, rows)``, each with at_once · size rows. The rows are walked through in a
    fresh random order as often as the steps need.
    """
    chunk = size * at_once

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return steps // at_once

        def on_epoch_end(self) -> None:
            passes = -(-steps * size // len(rows))
            self.order = np.concatenate([rng.permutation(len(rows)) for _ in range(passes)])

        def __getitem__(self, i: int) -> tuple[Rows, Rows]:
            return objective.examples(rows[self.order[i * chunk : (i + 1) * chunk]], rng)

    return Batches()


def _callbacks(keras: Any, how: Training, monitor: str) -> list[Any]:
    stop = keras.callbacks.EarlyStopping(monitor, patience=how.patience, restore_best_weights=True)
    stops = [stop, _stop_where_diverged(keras)]
    return [*stops, _progress(keras, how.epochs)] if how.verbose else stops


def _stop_where_diverged(keras: Any) -> Any:
    """Return a Keras callback that ends a training whose losses are no longer finite."""

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            if not np.isfinite(list((logs or {}).values())).all():
                self.model.stop_training = True

    return Watch()


def _refuse_divergence(curve: pd.DataFrame, how: Training) -> None:
    last = curve.iloc[-1]
    if np.isfinite(last).all():
        return
    losses = " and ".join(f"{name} {value}" for name, value in last.items())
    raise InputError(
        f"The network diverged in epoch {len(curve)} of {how.epochs}, with {losses}. Lower "
        f"learning_rate (it is {how.learning_rate:g}) or noise, where there is some."
    )


def _progress(keras: Any, epochs: int) -> Any:
    """Return a Keras callback that draws one progress bar for the whole training."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("training"), BarColumn(), TextColumn("{task.description}"))
    progress = Progress(*columns, TimeRemainingColumn())

    class Bar(keras.callbacks.Callback):
        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            self.task = progress.add_task("", total=epochs)
            progress.start()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            losses = " ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
            progress.update(
                self.task, completed=epoch + 1, description=f"{epoch + 1}/{epochs} {losses}"
            )

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            progress.stop()

    return Bar()
