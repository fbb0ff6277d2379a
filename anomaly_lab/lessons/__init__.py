"""Lessons: one source, from which come the site's page, the student's notebook and the tests."""

from __future__ import annotations

from anomaly_lab.lessons import quick  # noqa: F401, before anything imports nbformat
from anomaly_lab.lessons.checks import Verdict, check
from anomaly_lab.lessons.source import Exercise, Lesson, LessonError, find, lessons, read

__all__ = ["Exercise", "Lesson", "LessonError", "Verdict", "check", "find", "lessons", "read"]
