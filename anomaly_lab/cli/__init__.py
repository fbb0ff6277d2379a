"""The command line: parsing and printing, nothing else."""

from anomaly_lab.cli.root import app, main

__all__ = ["app", "main"]
