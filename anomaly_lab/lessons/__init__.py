"""Lessons: one source, from which come the site's page, the student's notebook and the tests."""

from __future__ import annotations

import sys

# nbformat needs jsonschema, which where JupyterLab is installed takes seconds to build a parser of
# international web addresses. Notebooks have none to check; who asks for it afterwards finds it.
if "jsonschema" not in sys.modules:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import jsonschema  # noqa: F401

    del sys.modules["rfc3987_syntax"]

from anomaly_lab.lessons.checks import Verdict, check
from anomaly_lab.lessons.source import Exercise, Lesson, LessonError, find, lessons, read

__all__ = ["Exercise", "Lesson", "LessonError", "Verdict", "check", "find", "lessons", "read"]
