"""What pip is asked for, by the package and by the site, leads to this package."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from browser import visit
from bs4 import BeautifulSoup
from package import Wheel
from playwright.sync_api import Browser

from anomaly_lab import __version__, installation
from anomaly_lab.installation import DISTRIBUTION, install_line

WHEEL = f"{DISTRIBUTION.replace('-', '_')}-{__version__}-py3-none-any.whl"
FILE = f"file:///D:/site/{WHEEL}"


@pytest.mark.parametrize(
    ("origin", "asked"),
    [
        (None, f'"{DISTRIBUTION}[lab]"'),
        ({"url": FILE, "archive_info": {}}, f'"{DISTRIBUTION}[lab] @ {FILE}"'),
        ({"url": "file:///home/ada/lab", "dir_info": {}}, '"/home/ada/lab[lab]"'),
        (
            {"url": "file:///home/ada/my%20lab", "dir_info": {"editable": True}},
            '-e "/home/ada/my lab[lab]"',
        ),
        (
            {"url": "https://a.org/lab", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            f'"{DISTRIBUTION}[lab] @ git+https://a.org/lab@c0ffee"',
        ),
    ],
)
def test_an_extra_comes_from_where_the_package_came(
    origin: dict[str, Any] | None, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(origin) if origin else None

    monkeypatch.setattr(installation.metadata, "distribution", lambda name: Installed())
    assert install_line("lab") == f"python -m pip install {asked}"


@pytest.mark.parametrize(
    ("site", "origin", "asked"),
    [
        ("https://a.org/lab/", "", f'"{DISTRIBUTION}[lab] @ https://a.org/lab/{WHEEL}"'),
        (None, "", f'"./{WHEEL}[lab]"'),
        ("https://a.org/", "index", f'"{DISTRIBUTION}[lab]"'),
        (None, "git+https://a.org/fork", f'"{DISTRIBUTION}[lab] @ git+https://a.org/fork"'),
    ],
)
def test_a_site_names_its_own_package_unless_it_is_set(
    site: str | None, origin: str, asked: str
) -> None:
    assert Wheel(WHEEL, site, origin).requirement("lab") == asked


def test_the_sites_package_is_the_wheel_and_installs_without_an_index(
    site: Path, wheel: Path, tmp_path: Path
) -> None:
    (offered,) = site.glob("*.whl")
    assert set(zipfile.ZipFile(offered).namelist()) == set(zipfile.ZipFile(wheel).namelist())
    venv.create(tmp_path / "empty")
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "empty", "install", "--quiet")
    asked = f"{DISTRIBUTION} @ {offered.as_uri()}"
    subprocess.run([*pip, "--no-index", "--no-deps", asked], check=True)
    (found,) = (tmp_path / "empty").rglob("anomaly_lab/_tutorial")
    lessons = {path.name for path in (Path(__file__).parents[1] / "tutorial").glob("*.py")}
    assert lessons == {path.name for path in found.glob("*.py")}
    assert list((tmp_path / "empty").rglob("anomaly-lab*"))


def test_every_line_that_installs_the_package_names_the_sites(site: Path) -> None:
    asked = []
    for path in site.rglob("*.html"):
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for line in page.select("[data-wheel]"):
            assert (path.parent / str(line["data-wheel"])).resolve().parent == site.resolve()
            asked.append(path.name)
        for code in page.select("code"):
            assert not re.search(
                r"pip install [^\n]*\banomaly-?lab(?![-\w])", code.get_text().lower()
            )
    assert {"start.html", "index.html", "labs.html", "gallery-results.html"} <= set(asked)
    for notebook in (site / "notebooks").glob("*.ipynb"):
        assert f"{WHEEL}[lab]" in notebook.read_text("utf-8")


@pytest.fixture
def host(site: Path) -> Iterator[str]:
    """Address of a server that has the site in a folder of it."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(site.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{site.name}"
        server.shutdown()


@pytest.mark.parametrize("page", ["start.html", "teach/labs.html"])
def test_a_reader_is_told_the_address_of_the_page(
    browser: Browser, site: Path, host: str, page: str
) -> None:
    for root in (host, site.as_uri()):
        with visit(browser, f"{root}/{page}") as seen:
            shown = seen.page.locator("[data-wheel]").last.text_content()
            assert shown == f'"{DISTRIBUTION}[lab] @ {root}/{WHEEL}"'
