"""Facts of one request as the inputs of a reranking prompt. Titles and requests are data: cleaned and cut here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from prompts.summaries import PersonaSummary, Slot
from retrieval.arrays import Int32
from retrieval.schema import Catalog

INPUTS = frozenset(("candidates", "personas", "slots", "request", "k"))
TITLE_CHARACTERS = 100
REQUEST_CHARACTERS = 400
_CATEGORIES = 4
_BRACKETS = str.maketrans("<>", "\u2039\u203a")
_INST = re.compile(r"\[(/?(?:INST|TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS))\]", re.IGNORECASE)


def clean(text: str, limit: int) -> str:
    """One line without control characters or a chat template's marks, at most ``limit`` characters, the cut marked.

    Templates mark turns as ``<...>``, ``<|...|>`` or ``[INST]``: pointed brackets become the typographic ones, which no tokenizer
    takes for a mark, and doubled braces are those of this renderer.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = _INST.sub(r"(\1)", line.translate(_BRACKETS)).replace("{{", "{ {").replace("{%", "{ %")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\u2026"


def rerank_inputs(
    catalog: Catalog,
    *,
    items: Int32,
    labels: Sequence[str],
    tastes: Sequence[int | None],
    personas: Sequence[PersonaSummary],
    slots: Sequence[Slot],
    request: str,
    k: int,
) -> dict[str, Any]:
    """Inputs of the reranking prompts of the library.

    Args:
        catalog: Where titles and categories come from.
        items: ``(n,)`` internal ids, in the order they are shown.
        labels: n labels.
        tastes: Number of the taste that brought each item, or None.
        personas: Summaries of the user's tastes.
        slots: Places per group.
        request: The user's words, may be empty.
        k: Length of the slate.

    Returns:
        One value for each of :data:`INPUTS`; a prompt may use any of them.
    """
    categories = catalog.table["categories"]
    candidates = [
        {
            "label": label,
            "title": clean(catalog.titles[item], TITLE_CHARACTERS),
            "categories": [clean(name, TITLE_CHARACTERS) for name in categories[int(item)].to_list()[:_CATEGORIES]],
            "persona": taste,
        }
        for item, label, taste in zip(items, labels, tastes, strict=True)
    ]
    tastes_in_words = [
        {
            "number": p.number,
            "percent": p.percent,
            "categories": [clean(name, TITLE_CHARACTERS) for name in p.categories],
            "exemplars": [clean(title, TITLE_CHARACTERS) for title in p.exemplars],
        }
        for p in personas
    ]
    return {
        "candidates": candidates,
        "personas": tastes_in_words,
        "slots": [{"label": clean(s.label, TITLE_CHARACTERS), "count": s.count} for s in slots],
        "request": clean(request, REQUEST_CHARACTERS),
        "k": k,
    }
