"""Comparison -> one self-contained HTML page."""

from anomaly_lab.report.page import to_html, write

__all__ = ["to_html", "write"]
