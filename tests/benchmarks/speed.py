"""How fast, and how much memory: every figure a ratio within one run, or a total to be read.

    python tests/benchmarks/speed.py [imports epoch fit memory compare fits]

``epoch`` and ``fit`` compare with PyOD where it can be imported by this Python, or by the one that
``PYOD_PYTHON`` names (``python -m pip install "anomaly-lab-kit[benchmarks]"``). Run nothing else
meanwhile.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 3
PYOD_PYTHON = os.environ.get("PYOD_PYTHON", sys.executable)

PYOD_EPOCH = """
import sys, time, numpy as np
from pyod.models.auto_encoder import AutoEncoder
rows = np.random.default_rng(0).normal(size=(100_000, 30)).astype(np.float32)
def seconds(epochs):
    start = time.perf_counter()
    model = AutoEncoder(hidden_neuron_list=[64, 32, 4], epoch_num=epochs, batch_size=256,
        batch_norm=False, dropout_rate=0, verbose=0)
    model.fit(rows)
    return time.perf_counter() - start
print("RESULT", seconds(3) / 2 - seconds(1) / 2)
"""

OUR_EPOCH = """
import time, numpy as np
from anomaly_lab import AutoencoderDetector
rows = np.random.default_rng(0).normal(size=(100_000, 30)).astype(np.float32)
def seconds(epochs):
    model = AutoencoderDetector(hidden=(64, 32), bottleneck=4, noise=0, batch_size=256,
        validation_fraction=0, epochs=epochs, patience=100)
    start = time.perf_counter()
    model.fit(rows)
    return time.perf_counter() - start
seconds(1)
print("RESULT", min((seconds(23) - seconds(3)) / 20 for _ in range(3)))
"""

SCAN_EPOCH = """
import time, numpy as np, jax, jax.numpy as jnp
rows = jnp.asarray(np.random.default_rng(0).normal(size=(100_000, 30)).astype(np.float32))
widths = (30, 64, 32, 4, 32, 64, 30)
rng = np.random.default_rng(0)
weights = [(jnp.asarray(rng.uniform(-1, 1, (a, b)) * np.sqrt(6 / (a + b)), jnp.float32),
    jnp.zeros(b)) for a, b in zip(widths, widths[1:])]
def net(weights, x):
    for i, (w, b) in enumerate(weights):
        x = x @ w + b
        x = jax.nn.relu(x) if i not in (2, 5) else x
    return x
def loss(weights, x):
    return jnp.mean((net(weights, x) - x) ** 2)
@jax.jit
def epoch(state, order):
    def step(state, rows_of_batch):
        weights, m, v, t = state
        value, g = jax.value_and_grad(loss)(weights, rows[rows_of_batch])
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, m, v)
        return (weights, m, v, t), value
    return jax.lax.scan(step, state, order)
zeros = jax.tree.map(jnp.zeros_like, weights)
state = (weights, zeros, zeros, jnp.zeros(()))
def seconds(epochs, state):
    start = time.perf_counter()
    for _ in range(epochs):
        order = rng.permutation(100_000)[: 390 * 256].reshape(390, 256)
        state, values = epoch(state, order)
    values.block_until_ready()
    return time.perf_counter() - start
seconds(1, state)
print("RESULT", min((seconds(23, state) - seconds(3, state)) / 20 for _ in range(3)))
"""

OUR_FIT = """
import numpy as np
rows = np.random.default_rng(0).normal(size=(1831, 21))
from anomaly_lab import AutoencoderDetector
AutoencoderDetector().fit(rows)
"""

PYOD_FIT = """
import numpy as np
rows = np.random.default_rng(0).normal(size=(1831, 21))
from pyod.models.auto_encoder import AutoEncoder
AutoEncoder(verbose=0).fit(rows)
"""

SCORING = """
import sys, threading, time, numpy as np, psutil
from anomaly_lab import get_detector
from sklearn.decomposition import PCA
name = sys.argv[1]
rng = np.random.default_rng(0)
model = get_detector(name)().fit(rng.normal(size=(50_000, 7)))
model.anomaly_score(rng.normal(size=(20_000, 7)))  # what is compiled or loaded once
rows = rng.normal(size=(1_000_000, 7))
me, most, done = psutil.Process(), 0, False
def watch():
    global most
    while not done:
        most = max(most, me.memory_info().rss)
        time.sleep(0.005)
before = me.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
start = time.perf_counter()
model.anomaly_score(rows)
took = time.perf_counter() - start
done = True
watcher.join()
print("RESULT", (most - before) / 1e6, took)
"""

FITS = """
import os, time, numpy as np, psutil
from pathlib import Path
from anomaly_lab import AutoencoderDetector
rng, me, start = np.random.default_rng(0), psutil.Process(), time.perf_counter()
for i in range(300):
    rows = rng.normal(size=(60 + i, 3 + i % 30))
    AutoencoderDetector(epochs=1, random_state=i).fit(rows).anomaly_score(rows)
    if i % 50 == 49:
        maps = Path("/proc/self/maps")
        n_maps = len(maps.read_text().splitlines()) if maps.exists() else 0
        print(f"  {i + 1} fits: {me.memory_info().rss / 1e6:.0f} MB, {n_maps} memory maps, "
              f"{time.perf_counter() - start:.0f} s", flush=True)
"""


def seconds(*command, env=None):
    """Return the wall-clock time of a command, the least of `REPEATS`."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, env=env, capture_output=True)
        took.append(time.perf_counter() - start)
    return min(took)


def result(code, python=sys.executable, env=None, arguments=()):
    """Run code that prints RESULT and numbers, in a process of its own; return the numbers."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, *arguments],
        check=True,
        env=env,
        capture_output=True,
        text=True,
    )
    found = re.search(r"RESULT (.*)", done.stdout)
    return [float(number) for number in found[1].split()]


def thread_settings():
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    unset = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return {"OMP_NUM_THREADS=1": one, "unset": unset}


def has_pyod():
    command = [PYOD_PYTHON, "-c", "import pyod, torch"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def imports():
    numpy = seconds(sys.executable, "-c", "import numpy")
    ours = seconds(sys.executable, "-c", "import anomaly_lab")
    shown = seconds(sys.executable, "-c", "from anomaly_lab.cli import app; app(['--help'])")
    print(f"import anomaly_lab / import numpy: {ours:.3f} s / {numpy:.3f} s = {ours / numpy:.2f}")
    print(f"anomaly-lab --help: {shown:.2f} s")


def epoch():
    (ours,) = result(OUR_EPOCH)
    (scan,) = result(SCAN_EPOCH)
    print("an epoch on 100,000 x 30 (64-32-4-32-64, batch 256):")
    print(f"  ours / hand-written jax.lax.scan: {ours:.3f} s / {scan:.3f} s = {ours / scan:.2f}")
    if not has_pyod():
        print("  PyOD is not installed: not compared")
        return
    for setting, env in thread_settings().items():
        (pyod,) = result(PYOD_EPOCH, PYOD_PYTHON, env)
        print(f"  PyOD ({setting}) / ours: {pyod:.2f} s / {ours:.3f} s = {pyod / ours:.1f}")


def fit():
    subprocess.run([sys.executable, "-c", OUR_FIT], check=True, capture_output=True)  # warm cache
    ours = seconds(sys.executable, "-c", OUR_FIT)
    print(f"fit of the default on 1,831 x 21 in a new process: ours {ours:.2f} s")
    if has_pyod():
        for setting, env in thread_settings().items():
            pyod = seconds(PYOD_PYTHON, "-W", "ignore", "-c", PYOD_FIT, env=env)
            print(f"  ours / PyOD ({setting}): {ours:.2f} s / {pyod:.2f} s = {ours / pyod:.2f}")


def memory():
    print("scoring 1,000,000 x 7 (56 MB), fitted on 50,000:")
    for name in ("centroid", "pca", "isolation_forest", "autoencoder", "knn"):
        added, took = result(SCORING, arguments=[name])
        print(f"  {name}: adds at most {added:.0f} MB, {took:.1f} s", flush=True)


def compare():
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.html"
        code = "from anomaly_lab.cli import main; main()"
        command = [sys.executable, "-c", code, "compare", "--output", str(report)]
        print(f"anomaly-lab compare --output, warm cache: {seconds(*command):.1f} s")


def fits():
    print("300 fits in one process:")
    subprocess.run([sys.executable, "-W", "ignore", "-c", FITS], check=True)


if __name__ == "__main__":
    parts = (imports, epoch, fit, memory, compare, fits)
    for part in parts:
        if part.__name__ in (sys.argv[1:] or [p.__name__ for p in parts]):
            part()
