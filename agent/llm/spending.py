"""What an answer cost: tokens that the server read and wrote, those of them it knew, and answers that were kept from before."""

from __future__ import annotations

from typing import TypedDict

from langchain_core.messages import AIMessage

from agent.llm.cache import CACHED


class Spent(TypedDict):
    """Costs of one answer, as :class:`agent.llm.scorer.LabelScores` has them."""

    prompt_tokens: int
    completion_tokens: int
    prefix_tokens: int
    cached: int


def spent(answer: AIMessage) -> Spent:
    """The costs of an answer; one that was kept cost nothing. Servers that do not say what they knew are taken to have known nothing."""
    usage = answer.usage_metadata
    known = (usage.get("input_token_details") or {}).get("cache_read", 0) if usage else 0
    return Spent(
        prompt_tokens=usage["input_tokens"] if usage else 0,
        completion_tokens=usage["output_tokens"] if usage else 0,
        prefix_tokens=known or 0,
        cached=int(bool(answer.response_metadata.get(CACHED))),
    )
