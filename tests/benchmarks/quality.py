"""How well do the detectors rank, and do cutoffs hold: figures to compare with other packages.

    python tests/benchmarks/quality.py adbench [detector ...]   # mean ROC-AUC over 25 tables
    python tests/benchmarks/quality.py promises                 # card_transactions and ecg5000

Needs the downloaded data sets (``ANOMALY_LAB_DATA``, or a network). The protocol of ``adbench``: at
most 10,000 rows, a stratified 70/30 split, min-max scaling fitted on the training part, fitted on
its normal rows alone, seeds 0 to 2.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from anomaly_lab import all_detectors, compare, datasets, get_detector

SEEDS = (0, 1, 2)
SKIPPED = {"adbench/smtp"}  # 30 anomalies in 95,156 rows
# The autoencoder standardises by itself; the ensemble holds one, which takes most of its time.
MINMAX_ONLY = {"autoencoder", "ensemble"}


def parts(name, seed, scaler):
    data = datasets.load(name)
    X, y = data.X.to_numpy(np.float64), data.y
    if len(X) > 10_000:
        keep = np.random.default_rng(seed).choice(len(X), 10_000, replace=False)
        X, y = X[keep], y[keep]
    fit, test, fit_y, test_y = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    scaler.fit(fit)
    return scaler.transform(fit[fit_y == 0]), scaler.transform(test), test_y


def adbench(names):
    tables = [n for n in datasets.names() if n.startswith("adbench/") and n not in SKIPPED]
    rows = []
    for table in tables:
        for name in names:
            for seed in SEEDS:
                for scaling, scaler in (("minmax", MinMaxScaler()), ("z", StandardScaler())):
                    if name in MINMAX_ONLY and scaling == "z":
                        continue
                    fit, test, y = parts(table, seed, scaler)
                    detector = get_detector(name)()
                    if "random_state" in detector.get_params():
                        detector.set_params(random_state=seed)
                    scores = detector.fit(fit).anomaly_score(test)
                    assert np.isfinite(scores).all(), (table, name, seed)
                    auc, ap = roc_auc_score(y, scores), average_precision_score(y, scores)
                    rows.append((table, name, scaling, seed, auc, ap))
        print(f"{table} done", file=sys.stderr, flush=True)
    columns = ["table", "detector", "scaling", "seed", "roc_auc", "average_precision"]
    frame = pd.DataFrame(rows, columns=columns)
    by_table = frame.pivot_table(index="table", columns=["detector", "scaling"], values="roc_auc")
    print(by_table.round(3).to_string())
    means = frame.groupby(["detector", "scaling"])[["roc_auc", "average_precision"]].mean()
    print(f"\nMeans over {len(tables)} tables and seeds {SEEDS}:\n{means.round(4).to_string()}")


def promises():
    for name, threshold in (("card_transactions", "quantile:0.90"), ("ecg5000", "quantile:0.95")):
        result = compare(datasets.load(name), threshold=threshold, seeds=5)
        columns = ["roc_auc", "recall", "accuracy", "false_positive_rate", "fit_seconds"]
        table = result.table()[columns]
        print(f"{name}, {threshold}\n{table.round(4).to_string()}\n", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["promises"]:
        promises()
    else:
        adbench(sys.argv[2:] or list(all_detectors()))
