"""A package with detectors, laid down as pip would: found by its entry points."""

import sys
import textwrap

from anomaly_lab.gallery import fingerprints

CARD = 'Card("{name}", "Title", "Idea.", "score", "works", "fails", "cost", "reference")'

# name -> the body of `_fit`
FAULTY = {
    "broken": 'raise ZeroDivisionError("broken on purpose")',
    "lethal": "os.kill(os.getpid(), signal.SIGKILL)",
    "nosy": """
        threads = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        raise RuntimeError(f"threads {threads}, XLA {os.environ.get('NPROC')}")
    """,
}


def lay(folder, package, detectors, version="1.0", extra=""):
    """Write a package that holds detectors, given as name -> body of `_fit`."""
    parts = [
        "import os, signal, threadpoolctl",
        "from anomaly_lab.contract import Card",
        "from anomaly_lab.detectors import CentroidDetector",
        extra,
    ]
    for name, body in detectors.items():
        body = textwrap.indent(textwrap.dedent(body).strip(), 8 * " ")
        card = CARD.format(name=name)
        parts.append(
            f"class {name.title()}(CentroidDetector):\n    card = {card}\n\n"
            f"    def _fit(self, X):\n{body}\n        return super()._fit(X)\n"
        )
    (folder / f"{package}.py").write_text("\n\n".join(parts))
    about = folder / f"{package}-{version}.dist-info"
    about.mkdir(exist_ok=True)
    about.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    )
    entries = "".join(f"{name} = {package}:{name.title()}\n" for name in detectors)
    about.joinpath("entry_points.txt").write_text(f"[anomaly_lab.detectors]\n{entries}")


def forget(*packages):
    """Let what is known of modules in this process be looked up again; of these, import again."""
    for package in packages:
        sys.modules.pop(package, None)
    fingerprints.modules.cache_clear()
