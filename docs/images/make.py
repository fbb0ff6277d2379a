"""Draw the README's picture: the head of the report that its first command writes.

python docs/images/make.py    # needs the `test` extra and Chromium
"""

import sys
import tempfile
from pathlib import Path

from anomaly_lab import compare, datasets, report

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))
from browser import chromium, visit  # noqa: E402 - a helper of the tests


def main():
    """Compare, write the report, and photograph its head."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "report.html"
        report.write(compare(datasets.load("breast_cancer")), page)
        with visit(browser, page.as_uri(), (1200, 1900), "light") as seen:
            seen.page.screenshot(path=HERE / "report.png")


if __name__ == "__main__":
    main()
