"""One request, one slate. Importing this is cheap: the work is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.recommender import Recommender, RecommenderConfig
    from agent.rerank.limits import CountRule
    from agent.slate import Slate

__all__ = ["CountRule", "Recommender", "RecommenderConfig", "Slate"]


def __getattr__(name: str) -> Any:
    if name == "Slate":
        from agent.slate import Slate  # noqa: PLC0415

        return Slate
    if name == "CountRule":
        from agent.rerank.limits import CountRule  # noqa: PLC0415

        return CountRule
    if name in __all__:
        from agent import recommender  # noqa: PLC0415

        return getattr(recommender, name)
    raise AttributeError(f"module 'agent' has no attribute {name!r}")
