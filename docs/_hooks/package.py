"""The package beside the pages, and on the pages the line that installs it from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from hatchling.builders.wheel import WheelBuilder
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

from anomaly_lab.installation import DISTRIBUTION

ROOT = Path(__file__).parents[2]
_QUOTE = '(?:"|&quot;)'
_LINE = re.compile(  # one with --no-index says itself from where
    rf"(pip (?:install|download) (?:-[cd] \S+ )*){_QUOTE}{DISTRIBUTION}(?:\[(\w+)\])?{_QUOTE}"
)


@dataclass(frozen=True)
class Wheel:
    """What pip is to install: the file beside the pages, unless the site names another origin."""

    name: str  # of the file
    site: str | None  # the site's address, where it is known
    origin: str  # "", or "index" for an index, or an address for pip

    def requirement(self, extra: str) -> str:
        """Return what pip is to install, with an extra, as a word of a command."""
        wanted = f"[{extra}]" if extra else ""
        if self.origin == "index":
            return f'"{DISTRIBUTION}{wanted}"'
        if not (self.origin or self.site):  # in the folder of the site
            return f'"./{self.name}{wanted}"'
        origin = self.origin or f"{str(self.site).rstrip('/')}/{self.name}"
        return f'"{DISTRIBUTION}{wanted} @ {origin}"'


def publish(files: Files, config: MkDocsConfig) -> Wheel:
    """Make the wheel, and add it to the site with the versions that were tested together."""
    with TemporaryDirectory() as folder:
        (made,) = WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
        content = Path(made).read_bytes()
    name = Path(made).name
    constraints = (ROOT / "constraints.txt").read_bytes()
    files.append(File.generated(config, name, content=content))
    files.append(File.generated(config, "constraints.txt", content=constraints))
    return Wheel(name, config.site_url, config.extra["install_from"])


def put(html: str, url: str, wheel: Wheel) -> str:
    """Say in each line of a page, opened at `url`, from where to install this package."""

    def line(match: re.Match[str]) -> str:
        command, extra = match.groups(default="")
        requirement = escape(wheel.requirement(extra))
        if wheel.origin:
            return f"{command}{requirement}"
        # A script puts the address in from which the page was opened.
        package = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
        mark = f'data-wheel="{get_relative_url(wheel.name, url)}" data-package="{package}"'
        return f"{command}<span {mark}>{requirement}</span>"

    return _LINE.sub(line, html)
