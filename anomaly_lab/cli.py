"""The command line: parsing and printing, nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from anomaly_lab import __version__
from anomaly_lab.errors import AnomalyLabError, InputError
from anomaly_lab.gallery.commands import EXAMPLES as GALLERY_EXAMPLES
from anomaly_lab.gallery.commands import gallery
from anomaly_lab.labs import commands
from anomaly_lab.scaffold import commands as scaffold
from anomaly_lab.terminal import err, new_table, out, progress_bar

if TYPE_CHECKING:
    from anomaly_lab.comparison import Comparison
    from anomaly_lab.datasets import Dataset
    from anomaly_lab.report import ResultsTable

WIDE = 130  # characters that the whole results table takes

COMPARE_EXAMPLES = """
Examples:

  anomaly-lab compare

  anomaly-lab compare digits --output report.html

  anomaly-lab compare card_transactions_simulated --rows 50000 --threshold quantile:0.99

  anomaly-lab compare --data transactions.csv --label fraud --drop id --json results.json

  anomaly-lab compare ecg5000 -d knn -d autoencoder --seeds 3
"""


class PlainErrors(TyperGroup):
    """Tell every error in a sentence, with exit code 2 where the user can mend it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; no traceback reaches the user."""
        try:
            return super().invoke(ctx)
        except AnomalyLabError as error:
            err.print("[bold red]Error:[/]", end=" ")
            err.print(str(error), markup=False, highlight=False)
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            err.print("Interrupted. No file was left half-written.")
            raise typer.Exit(130) from None
        except (OSError, ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            if os.environ.get("ANOMALY_LAB_DEBUG"):
                raise
            err.print(f"[bold red]Unexpected {type(error).__name__}:[/]", end=" ")
            err.print(str(error), markup=False, highlight=False)
            err.print("This should not happen. Set ANOMALY_LAB_DEBUG=1 to see where it comes from.")
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
datasets_app = typer.Typer(help="List, show and fetch the data sets.")
detectors_app = typer.Typer(help="List and show the detectors; write one and check it.")
app.add_typer(datasets_app, name="datasets")
app.add_typer(detectors_app, name="detectors")
app.command(epilog=GALLERY_EXAMPLES)(gallery)
app.command()(commands.start)
app.command()(commands.check)
app.command()(commands.grade)
detectors_app.command()(scaffold.new)
detectors_app.command()(scaffold.check)


def _tell_version(asked: bool) -> None:
    if asked:
        out.print(f"anomaly-lab {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _anomaly_lab(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Compare anomaly detectors: PCA, k-nearest neighbours, isolation forest, autoencoder."""


@app.command(epilog=COMPARE_EXAMPLES)
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
        float, typer.Option(help="Share of anomalies among the fitting rows, unlabelled.")
    ] = 0.0,
    seeds: Annotated[int, typer.Option(min=1, help="Number of random splits.")] = 5,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Rows to simulate, for the simulated data sets.")
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
    from anomaly_lab import comparison, paths, report
    from anomaly_lab.detectors import get_detector
    from anomaly_lab.thresholds import parse

    for target in (output, json):  # before the work, not after it
        if target:
            paths.check_writable(target)
    rule = parse(threshold)
    for name in detector or ():
        get_detector(name)
    loaded = _load(dataset, rows, data, label, normal, drop or [])
    for note in loaded.notes:
        err.print(f"Note: {note}", markup=False, highlight=False)
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
    _print_comparison(result)
    if output:
        report.write(result, output, command=_command_line())
        out.print(f"Report: {output}", highlight=False)
    if json:
        paths.write_whole(json, result.to_json().encode())
        out.print(f"Results: {json}", highlight=False)


@datasets_app.callback(invoke_without_command=True)
def _datasets(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        from anomaly_lab import datasets

        table = new_table("name", "rows", "features", "anomalies", "kind")
        for name in datasets.names():
            card = datasets.card(name)
            share = card.anomalies / card.rows
            counts = (f"{card.rows:,}", str(card.features), f"{share:.1%}")
            table.add_row(name, *counts, card.kind)
        out.print(table)
        out.print("More on each: anomaly-lab datasets show NAME")


@datasets_app.command("show")
def show_dataset(name: str) -> None:
    """Show the card of one data set."""
    from anomaly_lab import datasets

    _print_card(datasets.card(name))


@datasets_app.command("fetch")
def fetch_dataset(name: str) -> None:
    """Download a data set, so that it can be used without a network."""
    from anomaly_lab import datasets

    out.print(f"{name}: {datasets.fetch(name, progress=True)}", highlight=False)


@detectors_app.callback(invoke_without_command=True)
def _detectors(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        from anomaly_lab.detectors import all_detectors

        table = new_table("name", "method", "idea")
        for name, detector in all_detectors().items():
            table.add_row(name, detector.card.title, detector.card.idea)
        out.print(table)


@detectors_app.command("show")
def show_detector(name: str) -> None:
    """Show the card of one detector, with its parameters and their defaults."""
    from anomaly_lab.detectors import get_detector

    detector = get_detector(name)
    _print_card(detector.card)
    defaults = ", ".join(f"{key}={value!r}" for key, value in detector().get_params().items())
    out.print(f"\n{detector.__name__}({defaults})", markup=False, highlight=False)


@app.command()
def doctor() -> None:
    """Check this installation: Python, packages, Keras backend, device, caches."""
    from anomaly_lab.doctor import examine

    findings = list(examine())
    for finding in findings:
        mark = "[green]OK[/]  " if finding.ok else "[red]MEND[/]"
        out.print(mark, end=" ")
        out.print(f"{finding.what}: {finding.told}", markup=False, highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    # Windows consoles may not speak UTF-8; a character that cannot be shown is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="anomaly-lab")


def _load(
    name: str | None,
    rows: int | None,
    data: Path | None,
    label: str | None,
    normal: str | None,
    drop: list[str],
) -> Dataset:
    from anomaly_lab import datasets

    if data is None:
        given = [
            option
            for option, value in (("--label", label), ("--normal", normal), ("--drop", drop))
            if value
        ]
        if given:
            raise InputError(
                f"{', '.join(given)} only mean something with --data FILE. Name your file, or "
                "leave them out."
            )
        return datasets.load(name or "breast_cancer", rows=rows, progress=True)
    if name is not None:
        raise InputError(f"Expected a data set or --data, got both: {name!r} and {str(data)!r}.")
    if rows is not None:
        raise InputError("--rows is for simulated data sets; a file has the rows it has.")
    if label is None:
        raise InputError(
            "--data needs --label COLUMN: the column that says which rows are anomalies. Without "
            "labels nothing can be judged; to score unlabelled rows use AnomalyModel in Python."
        )
    return datasets.read_table(data, label=label, normal=normal, drop=drop)


def _print_comparison(result: Comparison) -> None:
    from anomaly_lab.report import results_table, summary, what_was_done

    for sentence in (what_was_done(result), *summary(result)):
        out.print(sentence, markup=False, highlight=False)
    table = results_table(result)
    for columns in _fitting(len(table.headers)):
        out.print(_results(table, columns))
    note = f"{table.note} FPR: false-positive rate."
    out.print(note, markup=False, highlight=False)


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
        first = column == 0
        justify: JustifyMethod = "left" if first else "right"
        header = table.headers[column].replace("False-positive rate", "FPR")
        shown.add_column(header, justify=justify, vertical="bottom", no_wrap=first)
    for i, cells in enumerate(table.rows):
        shown.add_row(*(_cell(cells[column], (i, column) in table.best) for column in columns))
    return shown


def _cell(text: str, best: bool) -> Text:
    short = text.replace(" ± ", "±")
    return Text(f"★{short}", style="bold") if best else Text(short)


def _print_card(card: Any) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for name, value in vars(card).items():
        if value not in ("", (), None):
            table.add_row(name, Text(_told(value)))
    out.print(table)


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return "\n".join(map(str, value))
    if hasattr(value, "effect"):  # what a parameter does
        values = ", ".join(map(repr, value.values))
        return f"{value.effect} ({value.parameter} = {values} on {_rows(value.case)})"
    if hasattr(value, "cure"):  # a failure
        return f"{value.cause} (Fails on {_rows(value.case)}; works on {_rows(value.cure)}.)"
    return str(value)


def _rows(case: Any) -> str:
    hidden = f", {case.contamination:.1%} hidden anomalies" if case.contamination else ""
    return f"{case.rows} rows of {case.data}{hidden}"


def _command_line() -> str:
    return " ".join(["anomaly-lab", *sys.argv[1:]])
