"""The labs: notebooks laid down for a student, run and checked, and graded for a class."""

import anomaly_lab.lessons  # noqa: F401, which lets nbformat be imported in no time
