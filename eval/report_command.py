"""``polytaste eval report``: write, and say where it is."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from agent.console import err, progress_bar
from eval.report_pages import write_report


def run_report(folder: Path, lam: float, against: str) -> None:
    """Write the report of a folder of results."""
    with progress_bar("reading and drawing"):
        written = write_report(folder, lam, against)
    err.print(Text("wrote " + ", ".join(str(path) for path in written), style="green"), soft_wrap=True)
