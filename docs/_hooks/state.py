"""What the hooks know of one build of the site; each build has its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

from mkdocs.config.defaults import MkDocsConfig
from package import Wheel

from anomaly_lab.lessons import Lesson
from anomaly_lab.lessons.execute import LessonRun


@dataclass(frozen=True)
class LessonPage:
    """A lesson and the outputs of its cells."""

    lesson: Lesson
    run: LessonRun
    teaches: bool  # a lesson, not another computed page


@dataclass(frozen=True)
class Build:
    """The computed pages of one build, and what pages can show.

    A page is named by its address in the site, without the ending: ``learn/04_x``, ``gallery/knn``.
    """

    wheel: Wheel
    folder: TemporaryDirectory[str] = field(default_factory=TemporaryDirectory)  # of the notebooks
    pages: dict[str, LessonPage] = field(default_factory=dict)  # by source: learn/04_x.ipynb
    figures: dict[str, str] = field(default_factory=dict)  # HTML by page and place: learn/04_x-1
    explorables: dict[str, str] = field(default_factory=dict)  # HTML by page and kind


def begin(config: MkDocsConfig, wheel: Wheel) -> Build:
    """Return the state of a build that begins, and let `build_of` find it."""
    config.extra["build"] = Build(wheel)
    return build_of(config)


def build_of(config: MkDocsConfig) -> Build:
    """Return the state of the build that goes with a configuration."""
    build: Build = config.extra["build"]
    return build
