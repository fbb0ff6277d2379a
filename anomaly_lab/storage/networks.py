"""Keras networks: written without what trains them, looked at before they are built."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
_MEMBER = re.compile(r"(metadata|config)\.json|model\.weights\.h5")


def is_network(value: Any) -> bool:
    """Whether a value is a Keras model."""
    keras = sys.modules.get("keras")  # not imported: then there is no network
    return keras is not None and isinstance(value, keras.Model)


def encode(network: Any, what: str) -> bytes:
    """Return a Keras model as bytes, without its optimizer; `what` names it in errors."""
    keras = backend.load()
    try:
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
        return keras.saving.load_model(file, compile=False, safe_mode=True)


def _check_network(content: bytes) -> None:
    members = archive.unpack(content, _MEMBER)
    config = json.loads(members["config.json"])
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
