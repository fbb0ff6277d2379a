"""Keras networks: written without what trains them, looked at before they are built."""

from __future__ import annotations

import io
import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from anomaly_lab.errors import InputError, ModelFileError
from anomaly_lab.neural import backend
from anomaly_lab.storage import archive

# Layers that compute and do nothing else: none holds code, none reads a file.
_LAYERS = re.compile(
    r"Activation|Add|AlphaDropout|Average|AveragePooling1D|AveragePooling2D|"
    r"BatchNormalization|Bidirectional|Concatenate|Conv1D|Conv1DTranspose|Conv2D|"
    r"Conv2DTranspose|Cropping1D|Cropping2D|Dense|DepthwiseConv1D|DepthwiseConv2D|Dot|"
    r"Dropout|EinsumDense|ELU|Embedding|Flatten|GaussianDropout|GaussianNoise|"
    r"GlobalAveragePooling1D|GlobalAveragePooling2D|GlobalMaxPooling1D|GlobalMaxPooling2D|"
    r"GRU|GRUCell|GroupNormalization|Identity|InputLayer|LayerNormalization|LeakyReLU|"
    r"LSTM|LSTMCell|Masking|Maximum|MaxPooling1D|MaxPooling2D|Minimum|MultiHeadAttention|"
    r"Multiply|Normalization|Permute|PReLU|ReLU|RepeatVector|Reshape|RMSNormalization|"
    r"SeparableConv1D|SeparableConv2D|SimpleRNN|SimpleRNNCell|Softmax|SpatialDropout1D|"
    r"SpatialDropout2D|Subtract|TimeDistributed|UnitNormalization|UpSampling1D|"
    r"UpSampling2D|ZeroPadding1D|ZeroPadding2D"
)
_WIDEST = 10**7  # outputs of a layer for one row
_MEMBER = re.compile(r"(metadata|config)\.json|model\.weights\.h5")


def is_network(value: Any) -> bool:
    """Whether a value is a Keras model."""
    keras = sys.modules.get("keras")  # not imported: then there is no network
    return keras is not None and isinstance(value, keras.Model)


def encode(network: Any, what: str) -> bytes:
    """Return a Keras model as bytes, without its optimizer; `what` names it in errors."""
    keras = backend.load()
    try:
        _check_finite(network)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.keras"
            keras.saving.save_model(network, file)
            members = archive.unpack(file.read_bytes(), _MEMBER)
        config, metadata = (json.loads(members[f"{n}.json"]) for n in ("config", "metadata"))
        config.pop("compile_config", None)
        metadata.pop("date_saved", None)
        config = archive.renumber(config, ("shared_object_id",), {})
        members["config.json"] = json.dumps(config).encode()
        members["metadata.json"] = json.dumps(metadata).encode()
        content = archive.pack(members)
        _check_network(content)
    except Exception as error:
        raise InputError(
            f"Cannot store {what}: {error}. A network is stored if it is a keras.Sequential or "
            "functional model of Keras's own layers, without Lambda and custom classes."
        ) from error
    return content


def decode(content: bytes) -> Any:
    """Return the Keras model in `content`, after looking at all its classes."""
    keras = backend.load()
    _check_network(content)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        file.write_bytes(content)
        network = keras.saving.load_model(file, compile=False, safe_mode=True)
    _check_finite(network)
    return network


def _check_finite(network: Any) -> None:
    if not all(np.isfinite(weights).all() for weights in network.get_weights()):
        raise ModelFileError("a network in it has weights that are not finite")


def _check_network(content: bytes) -> None:
    members = archive.unpack(content, _MEMBER)
    config = json.loads(members["config.json"])
    _check_classes(config)
    _check_weights(members["model.weights.h5"])
    with ThreadPoolExecutor(1) as pool:  # what Keras remembers of it ends with the thread
        pool.submit(_check_sizes, config, len(members["model.weights.h5"])).result()


def _check_sizes(config: dict[str, Any], size: int) -> None:
    """Refuse a network of more weights than there are, or of huge layers, before room is made."""
    keras = backend.load()
    with keras.StatelessScope(initialize_variables=False):  # shapes alone, no values
        network = keras.saving.deserialize_keras_object(config, safe_mode=True)
        needed = sum(math.prod(weights.shape) for weights in network.variables)
        widths = [math.prod(n or 1 for n in shape) for shape in _shapes(network)]
    if needed > size:  # a byte a weight is the least
        raise ModelFileError(f"a network in it has {needed:,} weights in {size:,} bytes")
    if max(widths, default=0) > _WIDEST:
        raise ModelFileError(f"a network in it has a layer of {max(widths):,} outputs a row")


def _shapes(network: Any) -> Iterator[tuple[int | None, ...]]:
    """Yield the shapes of what all layers of a network return, those of networks in it too."""
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _shapes(layer)
        else:
            outputs = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
            yield from (output.shape for output in outputs)


def _check_weights(content: bytes) -> None:
    """Refuse weights that lie in other files, or unpack to more than there is."""
    import h5py  # as late as Keras

    with h5py.File(io.BytesIO(content), "r") as file:
        _check_group(file, h5py)


def _check_group(group: Any, h5py: Any) -> None:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ModelFileError(f"a network in it has weights elsewhere: {name}")
        part = group[name]
        if isinstance(part, h5py.Group):
            _check_group(part, h5py)
        elif part.external or part.is_virtual or part.chunks or part.dtype.kind not in "biuf":
            raise ModelFileError(f"a network in it has weights that are no plain array: {name}")


def _check_classes(config: dict[str, Any]) -> None:
    if config.get("class_name") not in ("Sequential", "Functional"):
        raise ModelFileError(f"it holds a Keras {config.get('class_name')!r} as a network")
    for node in _objects(config):
        if not _is_keras_own(node):
            raise ModelFileError(
                "a network in it is made of more than Keras's own layers: "
                f"{node.get('module')}.{node['class_name']}"
            )


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a Keras configuration that names a class."""
    if isinstance(node, dict) and "class_name" in node:
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _objects(child)


def _is_keras_own(node: dict[str, Any]) -> bool:
    keras = backend.load()
    name, module = node["class_name"], node.get("module")
    if node.get("registered_name") not in (None, name):
        return False
    if module == "keras.layers":
        return _LAYERS.fullmatch(name) is not None
    kinds = {
        "keras.initializers": keras.initializers.Initializer,
        "keras.regularizers": keras.regularizers.Regularizer,
        "keras.constraints": keras.constraints.Constraint,
    }
    if module in kinds:
        found = getattr(sys.modules[module], name, None)
        return isinstance(found, type) and issubclass(found, kinds[module])
    return (module, name) in {
        (None, "__keras_tensor__"),
        ("keras", "DTypePolicy"),
        ("keras", "Sequential"),
        ("keras.src.models.functional", "Functional"),
    }
