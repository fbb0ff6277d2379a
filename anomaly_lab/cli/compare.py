"""``compare``: the detectors on a data set or on the user's own table."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from anomaly_lab.cli.terminal import err, out, progress_bar, say
from anomaly_lab.errors import InputError

if TYPE_CHECKING:
    from anomaly_lab.comparison import Comparison
    from anomaly_lab.datasets import Dataset
    from anomaly_lab.results import ResultsTable
    from anomaly_lab.tables.notes import Note

WIDE = 130  # characters that the whole results table takes

EXAMPLES = """
Examples:

  anomaly-lab compare

  anomaly-lab compare digits --output report.html

  anomaly-lab compare card_transactions_simulated --rows 50000 --threshold quantile:0.99

  anomaly-lab compare --data transactions.csv --label fraud --drop id --json results.json

  anomaly-lab compare ecg5000 -d knn -d autoencoder --seeds 3
"""


def compare(
    dataset: Annotated[
        str | None,
        typer.Argument(help="A data set by name; see 'anomaly-lab datasets'. [breast_cancer]"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Your own table instead: CSV, CSV.gz or Parquet.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="With --data: the column that says which rows are anomalies.")
    ] = None,
    normal: Annotated[
        str | None, typer.Option(help="With --data: the label's value for normal, if not 0.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="With --data: a column to leave out. Repeatable.")
    ] = None,
    sep: Annotated[
        str | None, typer.Option(help="With --data: what separates columns, if not noticed.")
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="With --data: the decimal sign, '.' or ','.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="With --data: how text is encoded, such as cp1252.")
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(help="With --data: a cell that means 'no value', such as -999. Repeatable."),
    ] = None,
    no_header: Annotated[
        bool,
        typer.Option("--no-header", help="With --data: no line of names; columns are x0, x1, ..."),
    ] = False,
    impute: Annotated[
        str | None, typer.Option(help="Fill missing values in: 'median'. Else they are an error.")
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", "-d", help="Compare this one only. Repeatable. [all]"),
    ] = None,
    threshold: Annotated[
        str,
        typer.Option(
            help="Rule for the cutoff: quantile:0.95, meanstd:3, mad:3.5, pot:0.001, "
            "cost:1,10 (false alarm, miss), bestf:1, fixed:0.5."
        ),
    ] = "quantile:0.95",
    contamination: Annotated[
        float,
        typer.Option(min=0, max=0.5, help="Share of anomalies among the fitting rows, unlabelled."),
    ] = 0.0,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Number of random splits.")] = 5,
    rows: Annotated[
        int | None,
        typer.Option(min=1, max=10_000_000, help="Rows to simulate, for the simulated data sets."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write an HTML report here.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the results as JSON here.")] = None,
) -> None:
    """Fit every detector on normal rows, set cutoffs, judge them on rows kept apart.

    Each seed splits the rows anew: to fit, to calibrate the cutoff, to test. Labels are used for
    the test rows alone.
    """
    from anomaly_lab import comparison, paths
    from anomaly_lab.datasets.download import places
    from anomaly_lab.detectors import get_detector
    from anomaly_lab.thresholds import parse

    outputs = {"--output": output, "--json": json}
    paths.check_outputs(outputs, [data] if data else places())  # before the work, not after it
    rule = parse(threshold)
    for name in detector or ():
        get_detector(name)
    columns = {"label": label, "normal": normal, "drop": drop, "missing": missing}
    written = {"sep": sep, "decimal": decimal, "encoding": encoding, "no-header": no_header}
    loaded = _load(dataset, rows, data, columns | written)
    with progress_bar() as progress:
        result = comparison.compare(
            loaded,
            detector or None,
            seeds=seeds,
            threshold=rule,
            contamination=contamination,
            impute=impute,
            progress=progress,
        )
    if output:
        from anomaly_lab import report

        report.write(result, output, command=" ".join(["anomaly-lab", *sys.argv[1:]]))
    if json:
        paths.write_whole(json, result.to_json())
    _print_comparison(result)
    for what, path in (("Report", output), ("Results", json)):
        if path:
            say(f"{what}: {path}")


def _load(
    name: str | None, rows: int | None, data: Path | None, options: dict[str, Any]
) -> Dataset:
    from anomaly_lab import datasets

    options = {k: v for k, v in options.items() if v not in (None, [], False)}
    if data is None:
        if given := [f"--{option}" for option in options]:
            raise InputError(
                f"{', '.join(given)} only mean something with --data FILE. Name your file, or "
                "leave them out."
            )
        return _noted(datasets.load(name or "breast_cancer", rows=rows, progress=True))
    if name is not None:
        raise InputError(f"Expected a data set or --data, got both: {name!r} and {str(data)!r}.")
    if rows is not None:
        raise InputError("--rows is for simulated data sets; a file has the rows it has.")
    if "label" not in options:
        raise InputError(
            "--data needs --label COLUMN: the column that says which rows are anomalies. Without "
            "labels nothing can be judged; to score unlabelled rows use AnomalyModel in Python."
        )
    header = not options.pop("no-header", False)
    return _noted(datasets.read_table(data, header=header, **options))


def _noted(dataset: Dataset) -> Dataset:
    """Print what was noticed, before the work: where that fails, it may be why."""
    _print_notes(dataset.notes)
    return dataset


def _print_notes(notes: Iterable[Note]) -> None:
    from anomaly_lab.results import short_notes

    for note in short_notes(notes):
        err.print(f"Note: {note}", markup=False, highlight=False)


def _print_comparison(result: Comparison) -> None:
    from anomaly_lab.results import results_table, summary, what_was_done

    _print_notes(result.split_notes)
    for sentence in (what_was_done(result), *summary(result)):
        out.print(sentence, markup=False, highlight=False)
    table = results_table(result)
    for columns in _fitting(len(table.headers)):
        out.print(_results(table, columns))
    out.print(f"{table.note} FPR: false-positive rate.", markup=False, highlight=False)


def _fitting(n: int) -> list[list[int]]:
    """Return which of `n` columns to show together: all in a wide terminal, else in two tables."""
    half = n // 2
    if out.width >= WIDE:
        return [list(range(n))]
    return [list(range(half)), [0, *range(half, n)]]


def _results(table: ResultsTable, columns: list[int]) -> Table:
    """Lay out some columns of a results table; the best cell of a column is starred and bold."""
    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column else "left"
        header = table.headers[column].replace("False-positive rate", "FPR")
        shown.add_column(header, justify=justify, vertical="bottom", no_wrap=column == 0)
    for i, cells in enumerate(table.rows):
        shown.add_row(*(_cell(cells[column], (i, column) in table.best) for column in columns))
    return shown


def _cell(text: str, best: bool) -> Text:
    short = text.replace(" ± ", "±")
    return Text(f"★{short}", style="bold") if best else Text(short)
