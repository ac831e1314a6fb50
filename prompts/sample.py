"""Inputs of an ordinary request that every branch of a prompt can speak of, for checks that have no data at hand."""

from __future__ import annotations

from typing import Any

from prompts.rerank import HISTORY_ITEMS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CANDIDATES = 20
_GROUPS = ("Harbour towns", "Night markets", "Quiet museums", "Mountain huts")


def sample_inputs() -> dict[str, Any]:
    """One value for each of :data:`prompts.rerank.INPUTS`: twenty candidates, three tastes, a full history."""

    def item(number: int) -> dict[str, Any]:
        groups = [_GROUPS[number % 4], _GROUPS[(number + 1) % 4]]
        return {"title": f"The {number}th place by the old bridge", "categories": groups, "persona": 1 + number % 3}

    return {
        "candidates": [{"label": LETTERS[at], **item(at)} for at in range(CANDIDATES)],
        "personas": [
            {
                "number": number, "percent": percent, "categories": list(_GROUPS[number - 1 : number + 1]),
                "exemplars": [f"The {number * 10 + at}th place that was liked" for at in range(3)],
            }
            for number, percent in ((1, 50), (2, 30), (3, 20))
        ],
        "history": [item(100 + at) for at in range(HISTORY_ITEMS)],
        "overview": {"count": 120, "categories": [{"label": g, "percent": 40 - 10 * at} for at, g in enumerate(_GROUPS)]},
        "slots": [{"label": g, "count": 4 - at, "percent": 40 - 10 * at} for at, g in enumerate(_GROUPS)],
        "request": "something quiet near the water, not too far",
        "k": 10,
    }  # fmt: skip
