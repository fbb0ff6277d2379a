"""No command writes over what it reads, whatever names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import parameters
from typer.testing import CliRunner

from anomaly_lab import cli, comparison, datasets, report
from anomaly_lab.errors import InputError
from anomaly_lab.gallery import recorded
from anomaly_lab.lessons import source
from anomaly_lab.scaffold import package

# What each path of a command is. Of what is written, the arguments around it, and what is read.
READ = {("compare", "data"), ("grade", "submissions"), ("check", "folder")}
WRITTEN = {
    ("compare", "output"): (
        ["compare", "--data", "{table}", "--label", "y", "--output", "{output}"],
        ["table"],
    ),
    ("compare", "json"): (["compare", "ecg5000", "--json", "{output}"], ["given", "cached"]),
    ("gallery", "json"): (
        ["gallery", "--json", "{output}"],
        ["given", "cached", "results", "recorded"],
    ),
    ("grade", "csv"): (["grade", "{submissions}", "--csv", "{output}"], ["submissions", "lessons"]),
    ("start", "folder"): (["start", "{output}", "--no-open"], ["lessons"]),
    ("detectors new", "folder"): (["detectors", "new", "mine", "{output}"], ["template"]),
}
FOLDERS = {("start", "folder"), ("detectors new", "folder")}


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(a) for a in arguments], prog_name="anomaly-lab")
    return done.exit_code, " ".join(done.output.split())


def test_every_path_is_known_to_be_read_or_written() -> None:
    paths = {(p.command, p.name) for p in parameters() if Path in p.kinds}
    assert paths == READ | WRITTEN.keys()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What commands read, all of it in the temporary folder."""
    places = {
        "table": tmp_path / "table.csv",
        "submissions": tmp_path / "submissions",
        "given": tmp_path / "given",
        "cached": tmp_path / "cache" / "data",
        "results": tmp_path / "cache" / "gallery",
        "recorded": tmp_path / "recorded.csv",
        "lessons": tmp_path / "lessons",
        "template": tmp_path / "template",
    }
    for place in places.values():
        file = place if place.suffix else place / "inner" / "07.ipynb"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("precious")
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ANOMALY_LAB_DATA", str(tmp_path / "given"))
    for work in ("comparison.compare", "gallery.run.run", "labs.grading.grade"):
        monkeypatch.setattr(f"anomaly_lab.{work}", lambda *_, **__: pytest.fail("it was begun"))
    monkeypatch.setattr(recorded, "PATH", places["recorded"])
    monkeypatch.setattr(source, "folder", lambda: places["lessons"])
    monkeypatch.setattr(package, "__file__", str(places["template"] / "package.py"))
    return places


CASES = [(key, read) for key, (_, reads) in WRITTEN.items() for read in reads]


@pytest.mark.parametrize(("key", "read"), CASES, ids=[f"{c} {o}: {r}" for (c, o), r in CASES])
def test_no_command_writes_over_what_it_reads(
    tree: dict[str, Path], tmp_path: Path, key: tuple[str, str], read: str
) -> None:
    place = tree[read]
    file = place if place.is_file() else place / "inner" / "07.ipynb"
    (tmp_path / "link").symlink_to(place if key in FOLDERS else file)
    outputs = [file, tmp_path / "link", tmp_path / "lessons" / ".." / file.relative_to(tmp_path)]
    if place.is_dir():
        outputs += [place / "new", place / "inner" / "new"]
    if key not in FOLDERS:
        os.link(file, tmp_path / "hard")
        outputs.append(tmp_path / "hard")
    before = sorted(tmp_path.rglob("*"))
    for output in outputs:
        values = {name: str(where) for name, where in tree.items()} | {"output": str(output)}
        arguments = [argument.format(**values) for argument in WRITTEN[key][0]]
        code, told = run(*arguments)
        assert (code, "what is read" in told) == (2, True), told
    assert file.read_text() == "precious"
    assert sorted(tmp_path.rglob("*")) == before


def test_two_outputs_of_a_command_are_two_files(tree: dict[str, Path], tmp_path: Path) -> None:
    code, told = run("compare", "-o", tmp_path / "x", "--json", tmp_path / "." / "x")
    assert (code, "--output and --json name the same file" in told) == (2, True), told
    assert not (tmp_path / "x").exists()


def test_a_report_is_not_written_over_its_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,y\n" + "".join(f"{i % 7},{int(i % 10 == 0)}\n" for i in range(200)))
    before = path.read_bytes()
    data = datasets.read_table(path, label="y")
    result = comparison.compare(data, ["centroid"], seeds=1)
    (tmp_path / "link").symlink_to(path)
    for target in (path, tmp_path / "link"):
        with pytest.raises(InputError, match="holds the table that was compared on"):
            report.write(result, target)
    assert path.read_bytes() == before
    assert (tmp_path / "link").is_symlink()
