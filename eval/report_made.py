"""What a report says of how its results were made: cells, seeds, seconds and calls."""

from __future__ import annotations

import numpy as np

from eval.metrics import cost
from eval.report_read import Cell, Field, Results


def cells_said(results: Results) -> str:
    """How many cells were made, as ``eval run`` counts them, and of what."""
    suite, made = results.manifest["suite"], sum(len(unit["lambdas"]) for unit in results.manifest["units"])
    shown = sum(len(field.cells) for field in results.fields)
    averaged = f", {shown:,} once seeds are averaged" if shown != made else ""
    return f"{made:,} cells{averaged}: {_many(len(suite['data']), 'data set')} under {_many(len(suite['splits']), 'split')}"


def seeds_said(field: Field) -> str:
    """Which retrievers are means over several trainings; nothing where each was trained once."""
    drawn = {cell.retriever: len(cell.by_seed) for cell in field.cells if len(cell.by_seed) > 1}
    if not drawn:
        return ""
    names = ", ".join(f"{name} over {count}" for name, count in drawn.items())
    return (
        f"Means over seeds of training: {names}; with each stand the least and the largest nDCG of a single seed. "
        "Intervals are over users and do not hold what another seed would give."
    )


def spread_said(cell: Cell) -> str:
    """Of one cell: its seeds, and the nDCGs that they had."""
    if len(cell.by_seed) < 2:
        return ""
    return f"{len(cell.by_seed)} seeds: {min(cell.by_seed):.4f} to {max(cell.by_seed):.4f}"


def parts_said(field: Field) -> str:
    """What rows of fewer users are, where there are any."""
    if not any(field.part(cell) for cell in field.cells):
        return ""
    return (
        "Rows that name a number of users are of those users alone and stand last: their figures are no match for the others', "
        "only the difference, which is on the same users, compares them."
    )


def cost_said(results: Results) -> str:
    """Seconds of the units, and what was read and written by a language model."""
    seconds, manifest = sum(results.timings.values()), results.manifest
    units = len({unit["key"] for unit in [*manifest["pools"], *manifest["units"]]})
    known = f"the {units:,}" if len(results.timings) == units else f"{len(results.timings):,} of the {units:,}"
    said = (
        f"Training, retrieval, reranking and measuring took {seconds:,.{0 if seconds >= 10 else 1}f} s: the sum over {known} "
        "retrievers and rerankers of what each took when it was made last, wherever that was."
    )
    if not results.calls:
        return said
    read, wrote = (np.array([call[name] for call in results.calls]) for name in ("prompt_tokens", "completion_tokens"))
    # Answers that were read from a file took no time that is known.
    took = np.array([np.nan if call["ms"] is None else call["ms"] for call in results.calls])
    spent = cost(read, wrote, took, np.array([call["reason"] is not None for call in results.calls]))
    times = f"; half of them took less than {spent.p50_ms:,.0f} ms, 95 % less than {spent.p95_ms:,.0f} ms"
    return (
        f"{said} {len(results.calls):,} calls of a language model read {spent.prompt_tokens:,} tokens and wrote "
        f"{spent.completion_tokens:,}{times if spent.calls else ''}; {spent.fallback:.1%} failed."
    )


def makers_said(results: Results) -> str:
    """Said where not all cells are of one making."""
    makers = results.manifest["made_by"]
    return f"The cells were made by {len(makers):,} combinations of versions and machine." if len(makers) > 1 else ""


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"
