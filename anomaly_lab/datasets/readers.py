"""How each data set that is not simulated becomes rows and labels; its card names the function.

A function is given the paths of the card's files, in their order, and returns features and labels.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits

from anomaly_lab.datasets.dataset import RowsAndLabels

# The 41 features of KDD Cup 99, in file order; protocol_type, service and flag are text.
_KDD_NAMES = """
    duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot
    num_failed_logins logged_in num_compromised root_shell su_attempted num_root
    num_file_creations num_shells num_access_files num_outbound_cmds is_host_login
    is_guest_login count srv_count serror_rate srv_serror_rate rerror_rate srv_rerror_rate
    same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count dst_host_srv_count
    dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate
    dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate
    dst_host_rerror_rate dst_host_srv_rerror_rate
"""
_KDD_COLUMNS = _KDD_NAMES.split()


def breast_cancer() -> RowsAndLabels:
    """Return the Wisconsin tumours; malignant ones, the source's 0, are the anomalies."""
    bunch = load_breast_cancer(as_frame=True)
    return bunch.data, _labels(bunch.target == 0)


def digits() -> RowsAndLabels:
    """Return the handwritten digits; the nines are the anomalies."""
    bunch = load_digits(as_frame=True)
    return bunch.data, _labels(bunch.target == 9)


def adbench(table: Path) -> RowsAndLabels:
    """Return a table of ADBench."""
    with np.load(table, allow_pickle=False) as arrays:
        X = arrays["X"].astype(float)
        columns = [f"x{i}" for i in range(X.shape[1])]
        return pd.DataFrame(X, columns=columns), _labels(arrays["y"] == 1)


def card_transactions(table: Path) -> RowsAndLabels:
    """Return the card payments."""
    frame = pd.read_csv(table)
    return frame.drop(columns="fraud"), _labels(frame["fraud"] == 1)


def ecg5000(archive: Path) -> RowsAndLabels:
    """Return the heartbeats."""
    frame = pd.read_csv(archive, compression="zip", header=None)
    X = frame.iloc[:, :140].set_axis([f"t{i:03d}" for i in range(140)], axis=1)
    return X, _labels(frame[140] == 0)  # the source has 1 = normal


def kddcup99(table: Path) -> RowsAndLabels:
    """Return the connections."""
    frame = pd.read_csv(table, header=None, names=[*_KDD_COLUMNS, "connection"])
    return frame[_KDD_COLUMNS], _labels(frame["connection"] != "normal.")


def nab(series: Path, windows: Path) -> RowsAndLabels:
    """Return a series of NAB, with the windows of its anomalies."""
    frame = pd.read_csv(series, parse_dates=["timestamp"])
    key = "/".join(series.parts[-2:])
    anomalous = np.zeros(len(frame), bool)
    for first, last in json.loads(windows.read_text(encoding="utf-8"))[key]:
        anomalous |= frame["timestamp"].between(pd.Timestamp(first), pd.Timestamp(last))
    return frame[["value"]], _labels(anomalous)


def _labels(anomalous: pd.Series | NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.asarray(anomalous).astype(np.int8)
