"""How long the gallery takes: all detectors, all bundled sets, five seeds, clean and contaminated.

    python tests/benchmarks/gallery.py [jobs]

From an empty store, with nothing taken from ``recorded.csv``, and again with nothing changed, each
in a process of its own as users have it; then the seconds of each detector, as its tasks took them.
Run nothing else meanwhile.
"""

import os
import subprocess
import sys
import tempfile
import time

import pandas as pd

RUN = """
import sys
from anomaly_lab.gallery import sets
from anomaly_lab.gallery.run import run
from anomaly_lab.gallery.store import Store
if __name__ == "__main__":
    store = Store(sys.argv[1], use_recorded=False)
    print(len(run(sets.scores(), store, jobs=int(sys.argv[2]) or None)), "results")
"""


def seconds(folder, jobs):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(RUN)
        script.flush()
        start = time.perf_counter()
        subprocess.run([sys.executable, script.name, folder, str(jobs)], check=True)
        return time.perf_counter() - start


def by_detector(folder):
    from anomaly_lab.gallery import sets
    from anomaly_lab.gallery.store import Store

    records = Store(folder, use_recorded=False).current(sets.scores())
    rows = [(task.detector, task.dataset, record.seconds) for task, record in records.items()]
    frame = pd.DataFrame(rows, columns=["detector", "dataset", "seconds"])
    return frame.pivot_table(
        index="detector", columns="dataset", values="seconds", aggfunc="sum", margins=True
    )


if __name__ == "__main__":
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANOMALY_LAB_CACHE"] = os.path.join(folder, "cache")  # nothing compiled before
        print(f"from nothing: {seconds(folder, jobs):.0f} s", flush=True)
        print(f"nothing changed: {seconds(folder, jobs):.1f} s", flush=True)
        print(by_detector(folder).round(1).to_string())
