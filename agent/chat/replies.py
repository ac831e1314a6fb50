"""What is said back: sentences made of facts of the slate and of nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.chat.wording import in_words
from agent.memory.people import Kind
from agent.slate import PersonaCard, Slate, SlateItem

_SAID = {
    Kind.LIKE: "you like {}",
    Kind.DISLIKE: "you do not like {}",
    Kind.SEEN: "you know {}",
    Kind.FORGET: "what you said of {} is forgotten",
}
_NO_DATA = "I know nothing of you yet. Name a few things you like, or say what you are in the mood for."


def listing(slate: Slate) -> str:
    """A list as plain lines: place, title, and the fact behind it."""
    return "\n".join(f"{item.rank}. {item.title} \u2013 {item.reason}" for item in slate.items)


def recommended(
    slate: Slate,
    changes: Sequence[str],
    notes: Sequence[str],
    said: Sequence[str],
    *,
    strange: bool,
    way_out: str = "",
    before: Slate | None = None,
) -> str:
    """What introduces a list: what was taken in, what changed, and how well your proportions are kept.

    Args:
        slate: The list.
        changes: What the message changed.
        notes: What could not be followed.
        said: What was kept for good.
        strange: Whether it is to be said that nothing is known of the person.
        way_out: Of an empty list.
        before: The list before.
    """
    parts = [f"Noted: {'; '.join(said)}." if said else ""]
    if not slate.items:
        asked = "; ".join(_conditions(slate))
        parts.append(
            f"Nothing here meets all of that ({asked}). {way_out or 'Take one back.'} Or say \u201cundo\u201d."
            if asked
            else "There is nothing left to recommend."
        )
    else:
        count, asked_for = len(slate.items), slate.understood.get("k", 0)
        same = before is not None and [i.item_id for i in before.items] == [i.item_id for i in slate.items]
        lead = "Here is one" if count == 1 else f"Here are {count}"
        lead = (
            "The list stays the same"
            if same
            else f"There {'is' if count == 1 else 'are'} only {count}"
            if count < asked_for
            else lead
        )
        parts.append(f"{lead}: {'; '.join(changes)}." if changes else f"{lead} for you.")
        if strange and slate.cold_start:
            parts.append("I know nothing of you yet, so these are what most people like.")
    relaxed = slate.limits.relaxed if slate.limits is not None else []
    if relaxed and not (before is not None and before.limits is not None and before.limits.relaxed == relaxed):
        parts.append(f"Not all of it can be had together: {'; '.join(map(_given_up, relaxed))}.")
    parts += [f"{_sentence(note)}" for note in notes]
    return " ".join(part for part in parts if part)


def noted(kind: Kind, title: str) -> str:
    """What was kept of an item."""
    return _SAID[kind].format(title)


def left_as_it_was(notes: Sequence[str]) -> str:
    """What is said where nothing of a message could be followed."""
    notes = notes or ("I find nothing in that to go by",)
    return " ".join([*map(_sentence, notes), "The list stays as it was."])


def chosen(items: Sequence[SlateItem], beyond: Sequence[int]) -> str:
    """What is said where somebody names places of the list and nothing else."""
    if not items:
        return f"The last list has no number {beyond[0]}." if beyond else "There is no list yet to choose from."
    titles = " and ".join(item.title for item in items)
    rank = items[0].rank
    return (
        f"{titles}: noted for now. Say \u201cmore like number {rank}\u201d, \u201cwhy number {rank}?\u201d, or afterwards "
        f"\u201cI liked number {rank}\u201d, which I keep."
    )


def why(item: SlateItem, slate: Slate) -> str:
    """Why an item is there: taste, own item, what the request asked, and what it does for the proportions."""
    lines = [f"{item.title} is number {item.rank}."]
    if item.persona is not None:
        card = next((p for p in slate.personas if p.number == item.persona), None)
        # what a request names is a part of the tastes, and says little of the person
        share = f", {card.share:.0%} of what you like" if card and "like" not in slate.understood else ""
        fact = f": {item.evidence}" if item.reason != item.evidence else f"; it is {item.evidence}"
        lines.append(f"It serves taste {item.persona} ({item.persona_name}{share}){fact}.")
    else:
        lines.append(f"It is {item.evidence}.")
    if asked := _conditions(slate):
        lines.append(f"You asked for: {'; '.join(asked)}.")
    groups = [g for g in item.categories if slate.target.get(g, 0.0) > 0]
    if groups:
        kept = "; ".join(
            f"{g} {slate.achieved.get(g, 0.0):.0%} of the list against {slate.target[g]:.0%} aimed at"
            for g in groups[:3]
        )
        lines.append(f"Proportions: {kept}.")
    ranker = "the language model" if slate.ranker_used == "llm" else "the calibrated reranker"
    lines.append(f"The list was ranked by {ranker}.")
    return " ".join(lines)


def tastes(personas: Sequence[PersonaCard]) -> str:
    """What the agent thinks somebody likes."""
    if not personas:
        return _NO_DATA
    lines = [
        f"You have {len(personas)} tastes, as far as I can tell:"
        if len(personas) > 1
        else "You have one taste, as far as I can tell:"
    ]
    percents = _percents([p.share for p in personas])
    for p, percent in zip(personas, percents, strict=True):
        like = f", for example {', '.join(p.exemplars[:3])}" if p.exemplars else ""
        lines.append(f"{p.number}. {p.name} \u2013 {percent}%{like}")
    if rest := 100 - sum(percents):
        lines.append(f"The remaining {rest}% is of no taste that I could name.")
    return "\n".join(lines)


def kept(likes: Sequence[str], dislikes: Sequence[str]) -> str:
    """What somebody said of single items, by their titles; empty if nothing."""
    said = ((likes, "like"), (dislikes, "do not like"))
    return " ".join(f"You said that you {how} {', '.join(titles)}." for titles, how in said if titles)


def hated(what: Sequence[str]) -> str:
    """What somebody said that they dislike whatever is asked for; empty if nothing."""
    return f"In this conversation you said that you do not like {', '.join(what)}." if what else ""


def _percents(shares: Sequence[float]) -> list[int]:
    """Shares in whole percents that add up to their sum: what is left goes to the largest remainders (Hamilton)."""
    whole = [math.floor(100 * share) for share in shares]
    left = round(100 * sum(shares)) - sum(whole)
    for i in sorted(range(len(shares)), key=lambda i: whole[i] - 100 * shares[i])[:left]:
        whole[i] += 1
    return whole


def _given_up(relaxed: str) -> str:
    """What a limit asked and the list has, "at least 2 War: 1 instead of 2", in a sentence's part."""
    asked, _, has = relaxed.rpartition(": ")
    return f"you asked for {asked}, and this list has {has.split(' ')[0]}"


def _conditions(slate: Slate) -> list[str]:
    return in_words(slate.understood)


def _sentence(words: str) -> str:
    said = words[:1].upper() + words[1:]
    return said if said.endswith((".", "?", "!")) else said + "."
