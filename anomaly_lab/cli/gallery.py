"""The gallery's command: parsing and printing, nothing else."""

from __future__ import annotations

import importlib.util
import math
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from anomaly_lab.cli.terminal import err, out, progress_bar, say
from anomaly_lab.errors import InputError
from anomaly_lab.installation import install_line

if TYPE_CHECKING:
    import pandas as pd

    from anomaly_lab.gallery.run import UnfinishedError
    from anomaly_lab.gallery.store import Store
    from anomaly_lab.gallery.tables import Ranking
    from anomaly_lab.gallery.tasks import Task

EXAMPLES = """
Examples:

  anomaly-lab gallery

  anomaly-lab gallery --all --seeds 3 --json gallery.json

  anomaly-lab gallery --detector knn --dataset digits

  anomaly-lab gallery --all --scheduler tcp://192.0.2.1:8786
"""


def gallery(
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", "-d", help="This one and centroid only. Repeatable. [all]"),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="This data set only. Repeatable. [those that need no download]"),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The data sets that are downloaded, too.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="Number of random splits. [5; 3 for sets that are downloaded]"
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=512, help="How many to run at a time. [one a core]")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Run on the dask.distributed cluster of this scheduler, such as "
            "tcp://127.0.0.1:8786. Its workers need the same versions of everything, and, for "
            "downloaded sets, ANOMALY_LAB_DATA or a network: set it where they run."
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run everything, whatever is known from before.")
    ] = False,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Time the detectors too, and keep the results in the repository."
        ),
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write a row a result as JSON here.")] = None,
) -> None:
    """Judge every detector on every data set, on clean and on contaminated training rows.

    Results are kept as they come, and taken from there as long as neither code nor versions nor
    data have changed: an interrupted run goes on, and a rerun does only what is missing.
    """
    from anomaly_lab import paths
    from anomaly_lab.datasets.download import places
    from anomaly_lab.gallery import recorded, sets, tables
    from anomaly_lab.gallery.store import Store

    if everything and dataset:
        raise InputError("Expected --all or --dataset, got both. Leave one of them out.")
    store = Store()
    paths.check_outputs({"--json": json}, [*places(), store.folder, recorded.PATH])
    if record:
        recorded.check_checkout()
    names = dataset or (*sets.BUNDLED, *(sets.DOWNLOADED if everything else ()))
    tasks: list[Task] = [*sets.scores(detector or None, names, seeds)]
    if record:
        tasks += sets.timings(detector or None)
    with _cluster(scheduler):
        results, failed, count = _run(tasks, store, jobs, fresh)
    scores = tables.frame(results)
    if json:
        paths.write_whole(json, tables.to_json(scores))
    if record:
        recorded.add(store.current(results))
    say(count)
    if len(scores):
        _print_scores(scores)
    if json:
        say(f"Results: {json}")
    if record:
        say(f"Recorded: {recorded.PATH}")
    if failed:
        raise failed


def _cluster(scheduler: str | None) -> AbstractContextManager[None]:
    if scheduler is None:
        return nullcontext()
    if importlib.util.find_spec("distributed") is None:
        raise InputError(
            "--scheduler needs dask.distributed, which this installation lacks. Install it with: "
            + install_line("cluster")
        )
    from anomaly_lab.gallery.cluster import connected

    return connected(scheduler)


def _run(
    tasks: list[Task], store: Store, jobs: int | None, fresh: bool
) -> tuple[dict[Any, Any], UnfinishedError | None, str]:
    """Run what is not known; return the results, what failed, and a sentence on how many."""
    from anomaly_lab.gallery.run import UnfinishedError, run

    counts: list[int] = []  # results that are there, at the start and after each task
    failed = None
    start = time.perf_counter()
    with progress_bar() as bar:

        def move(done: int, total: int, step: str) -> None:
            counts.append(done)
            bar(done, total, step)

        try:
            results = run(tasks, store, move, jobs, fresh=fresh)
        except UnfinishedError as error:
            results, failed = error.results, error
        except KeyboardInterrupt:
            stored = (
                f"{counts[-1]} of {len(tasks)} results are kept" if counts else "Nothing is lost"
            )
            err.print(f"Interrupted. {stored}; the same command goes on from there.")
            raise typer.Exit(130) from None
    seconds = time.perf_counter() - start
    count = (
        f"{len(results)} results: {counts[0]} known from before, {len(results) - counts[0]} run, "
        f"in {seconds:.0f} s."
    )
    return results, failed, count


def _print_scores(scores: pd.DataFrame) -> None:
    from anomaly_lab.gallery import tables

    summary = tables.summary(scores)
    for training in summary.index.unique("training"):
        say(f"\nMean ROC-AUC over seeds, fitted on {training} rows:")
        try:
            ranking = tables.ranking(summary, training)
        except InputError:  # one detector, or no data set that all were judged on
            ranking = None
        names = list(ranking.ranks.index if ranking else summary.index.unique("detector"))
        longest = max(map(len, summary.index.unique("dataset")))
        for some in _fitting(names, out.width - longest - len(" anomalies ")):
            out.print(_table(summary, training, some, ranking))
        if ranking:
            _say_ranks(ranking)
    say("\n★ best by more than the spread over seeds; anomalies: their share of the test rows.")


def _fitting(names: list[str], width: int) -> list[list[str]]:
    """Part the names so that each part's columns fit into `width` characters."""
    parts: list[list[str]] = []
    left = 0
    for name in names:
        needed = 1 + max(len("★0.123"), *map(len, name.split("_")))  # a header breaks at "_"
        if needed > left:
            parts.append([])
            left = width
        parts[-1].append(name)
        left -= needed
    return parts


def _table(
    summary: pd.DataFrame, training: str, names: list[str], ranking: Ranking | None
) -> Table:
    """Lay out the mean ROC-AUC of some detectors, one row a data set, their mean ranks below."""
    from anomaly_lab.gallery.tables import best

    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    shown.add_column("data set", vertical="bottom", no_wrap=True)
    for header in ("anomalies", *names):
        shown.add_column(header.replace("_", " "), justify="right", vertical="bottom")
    means = summary.xs(training, level="training")
    for dataset in means.index.unique("dataset"):
        here = means.loc[dataset]
        leader = best(summary, dataset, training)
        cells = [_cell(here["roc_auc", "mean"].get(name), name == leader) for name in names]
        shown.add_row(dataset, f"{here['prevalence', 'mean'].mean():.1%}", *cells)
    if ranking:
        shown.add_row("mean rank", "", *(f"{ranking.ranks[name]:.2f}" for name in names))
    return shown


def _cell(value: float | None, best: bool) -> Text:
    if value is None:
        return Text("–")
    return Text(f"★{value:.3f}", style="bold") if best else Text(f"{value:.3f}")


def _say_ranks(ranking: Ranking) -> None:
    sets = len(ranking.datasets)
    text = f"Mean ranks over {sets} data set{'s, one a source' if sets > 1 else ''}."
    if not math.isnan(ranking.p_value):
        text += (
            f" Friedman's test that all are alike: p = {ranking.p_value:.2g}. Nemenyi's test: at "
            f"level {ranking.level:g} ranks show a difference where they differ by "
            f"{ranking.critical_difference:.2f} or more."
        )
    out.print(text, markup=False, highlight=False)
