"""The labs: notebooks laid down for a student, run and checked, and graded for a class."""

from anomaly_lab.lessons import quick  # noqa: F401, before anything imports nbformat
