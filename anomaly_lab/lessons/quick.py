"""Imports what nbformat needs without the seconds that it takes where JupyterLab is installed.

jsonschema would build a parser of international web addresses, of which notebooks have none to
check. Whatever asks for that parser afterwards finds it.
"""

from __future__ import annotations

import sys

if "jsonschema" not in sys.modules:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    import jsonschema  # noqa: F401

    del sys.modules["rfc3987_syntax"]
