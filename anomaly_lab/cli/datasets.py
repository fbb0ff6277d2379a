"""``datasets``: list, show and fetch them."""

from __future__ import annotations

import typer

from anomaly_lab.cli.terminal import new_table, out, print_card, say

app = typer.Typer(help="List, show and fetch the data sets.")


@app.callback(invoke_without_command=True)
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


@app.command("show")
def show_dataset(name: str) -> None:
    """Show the card of one data set."""
    from anomaly_lab import datasets

    print_card(datasets.card(name))


@app.command("fetch")
def fetch_dataset(name: str) -> None:
    """Download a data set, so that it can be used without a network."""
    from anomaly_lab import datasets

    say(f"{name}: {datasets.fetch(name, progress=True)}")
