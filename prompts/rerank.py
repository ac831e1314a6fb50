"""Facts of one request as the inputs of a reranking prompt. Titles and requests are data: cleaned and cut here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from prompts.summaries import PersonaSummary, Slot
from retrieval.arrays import Int32
from retrieval.schema import Catalog

STABILITY = {"personas": 1, "history": 1, "overview": 1, "slots": 2, "k": 2, "request": 3, "candidates": 4}
"""How soon each input changes: 1 with the user, 2 with what a list should hold, 3 with every request, 4 with every call. A server
reads again all that follows the first change, so a prompt says what is stable first."""

INPUTS = frozenset(STABILITY)
TITLE_CHARACTERS = 100
HISTORY_ITEMS = 30
REQUEST_CHARACTERS = 400
_CATEGORIES = 4
_COMMONEST = 6
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


@lru_cache(maxsize=65_536)
def _kept(text: str) -> str:
    """A title or a category, cleaned once: the same come again with every request."""
    return clean(text, TITLE_CHARACTERS)


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
        personas: Summaries of the user's tastes, with the items of the history that are each one's.
        slots: Places per group.
        request: The user's words, may be empty.
        k: Length of the slate.

    Returns:
        One value for each of :data:`INPUTS`; a prompt may use any of them.
    """

    def named(item: int) -> list[str]:
        return [_kept(name) for name in catalog.categories[item][:_CATEGORIES]]

    candidates = [
        {
            "label": label,
            "title": _kept(catalog.titles[item]),
            "categories": named(int(item)),
            "persona": taste,
        }
        for item, label, taste in zip(items, labels, tastes, strict=True)
    ]
    tastes_in_words = [
        {
            "number": p.number,
            "percent": p.percent,
            "categories": [_kept(name) for name in p.categories],
            "exemplars": [_kept(title) for title in p.exemplars],
        }
        for p in personas
    ]
    own = sorted((place, item, p.number) for p in personas for place, item in p.own)
    return {
        "candidates": candidates,
        "personas": tastes_in_words,
        "history": [
            {"title": _kept(catalog.titles[item]), "categories": named(item), "persona": number}
            for _, item, number in own[-HISTORY_ITEMS:]
        ],
        "overview": {"count": len(own), "categories": _commonest(catalog, [item for _, item, _ in own])},
        "slots": [{"label": _kept(s.label), "count": s.count, "percent": s.percent} for s in slots],
        "request": clean(request, REQUEST_CHARACTERS),
        "k": k,
    }


def _commonest(catalog: Catalog, items: Sequence[int]) -> list[dict[str, Any]]:
    """The categories that most of a history has, each with the whole percentage of its items that have it."""
    if not items:
        return []
    held = Counter(name for item in items for name in set(catalog.categories[item]))
    ordered = sorted(held.items(), key=lambda one: (-one[1], one[0]))[:_COMMONEST]
    return [{"label": _kept(name), "percent": round(100 * count / len(items))} for name, count in ordered]
