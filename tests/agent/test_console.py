"""Tables on a narrow terminal."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from agent import console


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_figure_of_a_table_is_cut(monkeypatch, width):
    file = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=file, width=width))
    table = Table(box=None)
    for name in ("prompt", "metric", "difference"):
        table.add_column(name, no_wrap=True)
    row = ("rerank-shares-percent", "NDCG, model alone", "+0.006 [+0.001 to +0.010]")
    table.add_row(*row)
    console.show_whole(table)
    heading, said = file.getvalue().splitlines()
    assert heading.split() == ["prompt", "metric", "difference"]
    assert all(cell in said for cell in row)
