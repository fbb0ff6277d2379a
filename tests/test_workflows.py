"""The workflows: their actions run on what hosted runners offer, and a fork does little a push."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

FILES = sorted((Path(__file__).parents[1] / ".github" / "workflows").glob("*.yml"))
# The majors of today. The first to run on Node 24 were checkout 5, setup-python 6, cache 5,
# upload-artifact 6, configure-pages 6, upload-pages-artifact 5 and deploy-pages 5.
MAJORS = {
    "actions/cache": 6,
    "actions/checkout": 7,
    "actions/configure-pages": 6,
    "actions/deploy-pages": 5,
    "actions/setup-python": 7,
    "actions/upload-artifact": 7,
    "actions/upload-pages-artifact": 5,
}
NOT_IN_A_FORK = "${{ !github.event.repository.fork || github.event_name == 'workflow_dispatch' }}"


def jobs(path: Path) -> dict:
    return yaml.safe_load(path.read_text("utf-8"))["jobs"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_action_is_older_than_the_majors_listed(path):
    steps = [step for job in jobs(path).values() for step in job["steps"] if "uses" in step]
    assert steps
    for step in steps:
        action, version = step["uses"].split("@v")
        assert int(version.split(".")[0]) >= MAJORS[action], step["uses"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_push_to_a_fork_runs_one_job_a_workflow(path):
    always = [job for job in jobs(path).values() if job.get("if") != NOT_IN_A_FORK]
    assert len(always) == 1
    assert "strategy" not in always[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_workflow_can_be_started_by_hand(path):
    assert "workflow_dispatch" in yaml.safe_load(path.read_text("utf-8"))[True]  # YAML's "on"
