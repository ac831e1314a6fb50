"""What is said where no item meets all that is asked for: which one condition stands most in the way."""

from __future__ import annotations

from collections.abc import Callable

from agent.chat.wish import Wish
from agent.chat.wording import in_words
from retrieval.schema import Catalog

_HARD = ("wanted", "unwanted", "years", "unwanted_years", "popularity", "with", "without", "not_about", "not_like")


def way_out(wish: Wish, catalog: Catalog, room: Callable[[Wish], int]) -> str:
    """The condition without which most items are left, in a sentence; empty if none alone leaves any.

    Args:
        wish: That nothing meets.
        catalog: The items.
        room: How many items meet a wish.
    """
    best, words, name = 0, "", ""
    for key, values in wish.understood(catalog).items():
        if key not in _HARD:
            continue
        for value in values if isinstance(values, list) else [values]:
            left = room(wish.without(key, str(value), catalog))
            if left > best:
                best, words, name = left, in_words({key: [value]})[0], str(value)
    if not best:
        return ""
    there = "there is one" if best == 1 else f"there are {best:,}"
    return f"Without \u201c{words}\u201d {there}: say \u201cforget {name}\u201d."
