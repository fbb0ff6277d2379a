"""The command line: what it prints, and that bad input ends in one clear sentence."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import plugin
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

import anomaly_lab
from anomaly_lab import cli, comparison, datasets
from anomaly_lab.cli import compare as compare_commands
from anomaly_lab.cli import gallery as gallery_commands
from anomaly_lab.errors import BackendError
from anomaly_lab.gallery import recorded, sets
from anomaly_lab.gallery.store import Store
from anomaly_lab.installation import install_line
from anomaly_lab.neural import backend

QUICK = ["-d", "centroid", "-d", "pca"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments], prog_name="anomaly-lab")


@pytest.fixture
def table(tmp_path):
    """Write a table that can be used, with changes, as transactions.csv, and return its path."""

    def write(change=lambda frame: frame, n=200):
        rng = np.random.default_rng(0)
        fraud = (np.arange(n) % 10 == 0).astype(int)
        frame = pd.DataFrame(
            {
                "amount": rng.normal(size=n) + 5 * fraud,
                "hour": rng.integers(0, 24, n),
                "shop": rng.choice(["food", "fuel", "toys"], n),
                "fraud": fraud,
            }
        )
        path = tmp_path / "transactions.csv"
        change(frame).to_csv(path, index=False)
        return path

    return write


def test_compare_without_a_report_loads_nothing_that_draws():
    code = (
        "import sys; from anomaly_lab.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "print('LOADED', *sys.modules)"
    )
    command = [sys.executable, "-c", code, "compare", "breast_cancer", *QUICK, "--seeds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert "anomaly_lab.results" in loaded
    assert not loaded & {"anomaly_lab.drawing", "jinja2", "matplotlib"}


def test_version_and_help():
    assert run("--version").output == f"anomaly-lab {anomaly_lab.__version__}\n"
    told = run("compare", "--help").output
    assert "anomaly-lab compare --data transactions.csv --label fraud" in told
    assert run("no-such-command").exit_code == 2


def test_compare_prints_the_table_and_writes_report_and_results(tmp_path):
    report, results = tmp_path / "report.html", tmp_path / "results.json"
    done = run("compare", *QUICK, "--seeds", 2, "--output", report, "--json", results)
    assert done.exit_code == 0, done.output
    for word in ("centroid", "pca", "ROC-AUC", "prevalence 0.374", "all normal", "promised 0.05"):
        assert word in done.output
    assert report.read_text("utf-8").startswith("<!doctype html>")
    saved = json.loads(results.read_text("utf-8"))
    assert saved["dataset"]["name"] == "breast_cancer"
    assert len(saved["runs"]) == 4


def test_compare_shows_all_columns_at_once_in_a_wide_terminal(monkeypatch):
    monkeypatch.setattr(compare_commands, "out", Console(width=160))
    wide = run("compare", *QUICK, "--seeds", 1).output
    assert len(re.findall(r"^centroid +★?\d", wide, re.MULTILINE)) == 1
    monkeypatch.setattr(compare_commands, "out", Console(width=80))
    narrow = run("compare", *QUICK, "--seeds", 1).output
    assert len(re.findall(r"^centroid +★?\d", narrow, re.MULTILINE)) == 2
    assert max(map(len, narrow.splitlines())) <= 80


def test_compare_reads_your_own_table(table, tmp_path):
    results = tmp_path / "results.json"
    arguments = ["--data", table(), "--label", "fraud", "--drop", "hour", *QUICK]
    done = run("compare", *arguments, "--seeds", 1, "--json", results)
    assert done.exit_code == 0, done.output
    saved = json.loads(results.read_text("utf-8"))["dataset"]
    assert (saved["name"], saved["rows"], saved["features"]) == ("transactions", 200, 2)


@pytest.mark.parametrize("threshold", ["cost:1,10", "bestf:1", "mad", "meanstd:2"])
def test_compare_takes_every_kind_of_rule(threshold):
    assert run("compare", *QUICK, "--seeds", 1, "--threshold", threshold).exit_code == 0


def test_compare_takes_contamination_and_simulated_rows():
    arguments = ["card_transactions_simulated", "--rows", 3000, "--contamination", 0.05]
    done = run("compare", *arguments, *QUICK, "--seeds", 1)
    assert done.exit_code == 0, done.output
    assert "3,000 rows" in done.output


def test_missing_values_are_filled_in_when_asked(table):
    def lose(frame):
        return frame.assign(amount=frame["amount"].mask(frame.index % 7 == 0))

    path = table(lose)
    refused = run("compare", "--data", path, "--label", "fraud", *QUICK)
    assert refused.exit_code == 2
    assert "'amount'" in refused.output
    assert "--impute median" in refused.output
    filled = run("compare", "--data", path, "--label", "fraud", *QUICK, "--impute", "median")
    assert filled.exit_code == 0, filled.output


def test_datasets_are_listed_and_shown():
    listed = run("datasets").output
    assert all(name in listed for name in datasets.names())
    shown = run("datasets", "show", "ecg5000").output
    assert "licence" in shown
    assert "not stated" in shown


def test_detectors_are_listed_and_shown():
    listed = run("detectors").output
    assert all(name in listed for name in anomaly_lab.all_detectors())
    shown = " ".join(run("detectors", "show", "knn").output.split())
    assert "doi:10.1145/342009.335437" in shown
    assert "n_neighbors=5" in shown
    assert "Sweep(" not in shown
    assert "Failure(" not in shown


def test_doctor_is_content_here():
    done = run("doctor")
    assert done.exit_code == 0, done.output
    assert "Keras backend" in done.output


def test_doctor_says_what_to_mend(monkeypatch):
    def nothing():
        raise BackendError("Install one: python -m pip install jax")

    monkeypatch.setattr(backend, "choose_backend", nothing)
    done = run("doctor")
    assert done.exit_code == 1
    assert "MEND" in done.output
    assert "pip install jax" in done.output


# --- Bad input: exit code 2, one sentence, no traceback, nothing written ------------------------


def keep(*columns):
    return lambda frame: frame[list(columns)]


BAD_TABLES = {
    "label column missing": (keep("amount", "hour"), ["--label", "fraud"], "fraud"),
    "label misspelt": (lambda f: f, ["--label", "fruad"], "'fraud'"),
    "one class": (lambda f: f.assign(fraud=0), ["--label", "fraud"], "fraud"),
    "three classes": (
        lambda f: f.assign(fraud=f.index % 3),
        ["--label", "fraud"],
        "--normal",
    ),
    "two other values": (
        lambda f: f.assign(fraud=f["fraud"].map({0: "ok", 1: "bad"})),
        ["--label", "fraud"],
        "--normal",
    ),
    "normal not there": (
        lambda f: f.assign(fraud=f["fraud"].map({0: "ok", 1: "bad"})),
        ["--label", "fraud", "--normal", "fine"],
        "'fine'",
    ),
    "header only": (lambda f: f.iloc[:0], ["--label", "fraud"], "header"),
    "one row": (lambda f: f.iloc[:1], ["--label", "fraud"], "row"),
    "infinity": (
        lambda f: f.assign(amount=f["amount"].where(f.index > 3, np.inf)),
        ["--label", "fraud"],
        "'amount'",
    ),
    "dates": (
        lambda f: f.assign(when=pd.date_range("2026-01-01", periods=len(f)).astype(str)),
        ["--label", "fraud"],
        "when",
    ),
    "free text": (
        lambda f: f.assign(note=[f"note number {i}" for i in range(len(f))]),
        ["--label", "fraud"],
        "note",
    ),
    "drop misspelt": (lambda f: f, ["--label", "fraud", "--drop", "huor"], "hour"),
    "no label named": (lambda f: f, [], "--label"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_table_that_cannot_be_used(case, table, tmp_path):
    change, options, told = BAD_TABLES[case]
    _refused(["--data", table(change), *options], told, tmp_path)


def _refused(arguments, told, tmp_path):
    output, results = tmp_path / "report.html", tmp_path / "results.json"
    before = set(tmp_path.iterdir())
    done = run("compare", *arguments, *QUICK, "--output", output, "--json", results)
    assert done.exit_code == 2, done.output
    assert "Error" in done.output
    assert told in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert set(tmp_path.iterdir()) == before


def test_a_file_that_is_not_there_or_empty(tmp_path):
    _refused(["--data", tmp_path / "no.csv", "--label", "fraud"], "no.csv", tmp_path)
    (tmp_path / "empty.csv").touch()
    _refused(["--data", tmp_path / "empty.csv", "--label", "fraud"], "empty", tmp_path)


def test_duplicate_column_names(tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("a,a,fraud\n1,2,0\n3,4,1\n")
    _refused(["--data", path, "--label", "fraud"], "'a'", tmp_path)


def test_constant_and_repeated_columns_are_no_trouble(table):
    def add(frame):
        return frame.assign(one=1.0, again=frame["amount"])

    done = run("compare", "--data", table(add), "--label", "fraud", *QUICK, "--seeds", 1)
    assert done.exit_code == 0, done.output


def test_fewer_rows_than_neighbours_or_than_the_promise_needs(table):
    path = table(n=40)
    done = run("compare", "--data", path, "--label", "fraud", "-d", "knn", "--seeds", 1)
    assert done.exit_code == 2
    assert "19" in done.output  # calibration rows that quantile:0.95 needs
    few = run("compare", "--data", table(n=10), "--label", "fraud", "-d", "knn", "--seeds", 1)
    assert few.exit_code == 2
    assert "neighbo" in few.output or "anomal" in few.output


def test_few_rows_suit_a_rule_without_a_promise(table):
    arguments = ["--data", table(n=40), "--label", "fraud", "--threshold", "mad"]
    assert run("compare", *arguments, *QUICK, "--seeds", 1).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["breast_cancr"], "'breast_cancer'"),
        (["-d", "autoencodr"], "'autoencoder'"),
        (["--threshold", "quantil:0.9"], "'quantile'"),
        (["--threshold", "quantile:1.5"], "level"),
        (["--contamination", "0.9"], "contamination"),
        (["--impute", "mean"], "median"),
        (["--seeds", "0"], "seeds"),
        (["--label", "fraud"], "--data"),
        (["digits", "--rows", "10"], "rows"),
        (["digits", "--data", "x.csv", "--label", "y"], "both"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, told):
    done = run("compare", *arguments, *(() if "-d" in arguments else QUICK))
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_a_data_set_without_anomalies_cannot_be_compared_on(data_folder):
    done = run("compare", "nab/art_daily_small_noise", *QUICK)
    assert done.exit_code == 2, done.output
    assert "anomal" in done.output


@pytest.mark.parametrize("option", ["--output", "--json"])
def test_output_that_cannot_be_written_is_told_before_the_work(option, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "compare", lambda *a, **k: pytest.fail("worked in vain"))
    done = run("compare", option, tmp_path / "no" / "such" / "folder.html")
    assert done.exit_code == 2
    assert "folder" in done.output
    assert run("compare", option, tmp_path).exit_code == 2


def test_no_backend_is_told_plainly(monkeypatch):
    def nothing():
        raise BackendError("Keras needs a backend. Install one: python -m pip install jax")

    monkeypatch.setattr(backend, "load", nothing)
    done = run("compare", "-d", "autoencoder", "--seeds", 1)
    assert done.exit_code == 2
    assert "python -m pip install jax" in done.output


def raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


KINDS = [ZeroDivisionError, RuntimeError, AttributeError, AssertionError, ImportError]
KINDS += [RecursionError, NotImplementedError, Exception, UserWarning, StopIteration]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unexpected_error_shows_no_traceback_unless_asked(kind, monkeypatch):
    monkeypatch.setattr(comparison, "compare", raising(kind("of all things")))
    done = run("compare")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert f"Unexpected {kind.__name__}: of all things\nThis should not happen." in done.output
    monkeypatch.setenv("ANOMALY_LAB_DEBUG", "1")
    assert isinstance(run("compare").exception, kind)


XLA = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 81604378624 bytes."


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 76.0 GiB for an array"),
        RuntimeError(f"{XLA}\nLargest allocations:\n..."),
        RuntimeError("CUDA out of memory. Tried to allocate 76.00 GiB."),
        type("ResourceExhaustedError", (Exception,), {})("when allocating a tensor"),
    ],
    ids=["numpy", "jax", "torch", "tensorflow"],
)
def test_out_of_memory_is_said_with_what_to_do(error, monkeypatch):
    monkeypatch.setattr(comparison, "compare", raising(error))
    done = run("compare")
    assert done.exit_code == 2
    assert f"Out of memory: {str(error).splitlines()[0]}" in done.output.replace("\n", " ")
    for advice in ("fewer rows", "batch_size", "JAX_PLATFORMS=cpu"):
        assert advice in done.output
    assert "Largest" not in done.output
    assert "should not happen" not in done.output
    monkeypatch.setenv("ANOMALY_LAB_DEBUG", "1")
    assert run("compare").exception is error


def test_what_ends_a_command_on_purpose_is_no_error(monkeypatch):
    for error in (typer.Exit(3), typer.Abort()):
        monkeypatch.setattr(comparison, "compare", raising(error))
        done = run("compare")
        assert done.exit_code == (3 if isinstance(error, typer.Exit) else 1)
        assert "Unexpected" not in done.output
    assert "No such command" in run("no-such-command").output


LONG_WORK = """
import time
from anomaly_lab import comparison
from anomaly_lab.cli import main

def compare(*arguments, **options):
    print("at work", flush=True)
    time.sleep(100)

comparison.compare = compare
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_interrupted_it_says_so_and_leaves_no_half_file(tmp_path):
    report = tmp_path / "report.html"
    report.write_text("the old report")
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_WORK, "compare", "-d", "knn", "-o", report],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "at work" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in told
    assert "Traceback" not in told
    assert report.read_text() == "the old report"
    assert list(tmp_path.iterdir()) == [report]


# --- The gallery ---------------------------------------------------------------------------------

SMALL = ["-d", "pca", "--dataset", "breast_cancer", "--seeds", "2", "--jobs", "1"]


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(recorded, "PATH", tmp_path / "recorded.csv")
    return tmp_path


def test_the_gallery_prints_its_tables_and_a_rerun_runs_nothing(fresh_cache):
    results = fresh_cache / "gallery.json"
    done = run("gallery", *SMALL, "--json", results)
    assert done.exit_code == 0, done.output
    assert "8 results: 0 known from before, 8 run" in done.output
    for told in ("fitted on clean rows", "fitted on contaminated rows", "37.4%", "mean rank"):
        assert told in done.output
    assert re.search(r"data set +anomalies +(pca +centroid|centroid +pca)\n", done.output)
    saved = json.loads(results.read_text("utf-8"))
    rows = pd.DataFrame(saved["results"])
    mean = rows[(rows["detector"] == "pca") & (rows["training"] == "clean")]["roc_auc"].mean()
    assert f"{mean:.3f}" in done.output
    again = run("gallery", *SMALL)
    assert "8 results: 8 known from before, 0 run" in again.output
    fresh = run("gallery", *SMALL, "--fresh")
    assert "8 results: 0 known from before, 8 run" in fresh.output


def test_the_gallery_fits_the_terminal(fresh_cache, monkeypatch):
    for width, tables_a_training in ((160, 1), (45, 2)):
        monkeypatch.setattr(gallery_commands, "out", Console(width=width))
        told = run("gallery", *SMALL, "-d", "knn", "-d", "empirical_tail").output
        assert len(re.findall(r"^breast_cancer +37.4%", told, re.M)) == 2 * tables_a_training
        table_lines = [line for line in told.splitlines() if line.startswith(("data", "breast"))]
        assert max(map(len, table_lines)) <= width


def test_the_gallery_says_what_failed_and_keeps_the_rest(fresh_cache, monkeypatch):
    plugin.lay(fresh_cache, "faulty_cli", {"broken": plugin.FAULTY["broken"]})
    monkeypatch.syspath_prepend(fresh_cache)
    done = run("gallery", *SMALL, "-d", "broken")
    assert done.exit_code == 2
    assert "4 of 12 tasks failed" in done.output
    assert "broken on breast_cancer, seed 0: ZeroDivisionError: broken on purpose" in done.output
    assert "mean rank" in done.output
    assert "8 known from before, 0 run" in run("gallery", *SMALL).output
    plugin.forget("faulty_cli")


def test_the_gallery_says_what_failed_where_everything_did(fresh_cache, monkeypatch):
    monkeypatch.setenv("ANOMALY_LAB_OFFLINE", "1")
    monkeypatch.delenv("ANOMALY_LAB_DATA", raising=False)
    results = fresh_cache / "gallery.json"
    arguments = ["-d", "pca", "--dataset", "ecg5000", "--seeds", "1", "--jobs", "1"]
    done = run("gallery", *arguments, "--json", results)
    assert done.exit_code == 2, done.output
    assert "4 of 4 tasks failed" in done.output
    assert "centroid on ecg5000, seed 0: DownloadError: http" in " ".join(done.output.split())
    assert json.loads(results.read_text("utf-8"))["results"] == []


def test_the_gallery_records_in_a_checkout_only(fresh_cache, monkeypatch):
    monkeypatch.setattr(sets, "_TIMED_ROWS", (50,))
    monkeypatch.setattr(sets, "_TIMED_FEATURES", ())
    done = run("gallery", *SMALL, "--record")
    assert done.exit_code == 0, done.output
    assert len(recorded.read()) == 8 + 2
    shutil.rmtree(fresh_cache / "cache")
    assert "8 known from before, 0 run" in run("gallery", *SMALL).output
    monkeypatch.setattr(recorded, "_ROOT", fresh_cache)
    refused = run("gallery", *SMALL, "--record")
    assert refused.exit_code == 2
    assert "pip install -e ." in " ".join(refused.output.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-d", "knnn"], "'knn'"),
        (["--dataset", "digit"], "'digits'"),
        (["--dataset", "digits", "--all"], "--all or --dataset"),
        (["--seeds", "0"], "seeds"),
        (["--jobs", "0"], "jobs"),
        (["--json", "no/such/folder.json"], "folder"),
        (["--scheduler", "tcp://127.0.0.1:1"], "dask scheduler"),
    ],
)
def test_what_the_gallery_cannot_do_is_told(arguments, told, fresh_cache):
    done = run("gallery", *arguments)
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.output.split())


def test_a_scheduler_needs_the_extra(fresh_cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("gallery", "--scheduler", "tcp://127.0.0.1:8786")
    assert done.exit_code == 2
    assert install_line("cluster") in " ".join(done.output.split())


NOTHING_RECORDED = """
from pathlib import Path
from anomaly_lab.cli import main
from anomaly_lab.gallery import recorded
if __name__ == "__main__":
    recorded.PATH = Path("nothing.csv")
    main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_the_gallery_interrupted_goes_on_from_there(fresh_cache):
    command = ["gallery", "-d", "pca", "-d", "knn", "--seeds", "3", "--dataset", "digits"]
    process = subprocess.Popen(
        [sys.executable, "-c", NOTHING_RECORDED, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    kept = fresh_cache / "cache" / "gallery"
    while len(list(kept.glob("*.json"))) < 3 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130, told
    said = re.search(r"Interrupted. (\d+) of 18 results are kept; the same command goes on", told)
    assert said, told
    assert "Traceback" not in told
    assert len(list(kept.glob("*.json"))) >= int(said[1]) >= 3
    tasks = sets.scores(["pca", "knn"], ["digits"], 3)
    assert len(Store(use_recorded=False).current(tasks)) >= int(said[1])
