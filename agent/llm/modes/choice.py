"""The modes by name, and what each of them needs."""

from __future__ import annotations

from typing import Literal

from agent.llm.labels import MAX_LABELS
from agent.llm.modes import permutation, windows
from agent.llm.modes.label import LabelMode
from agent.llm.modes.permutation import PermutationMode
from agent.llm.modes.pointwise import PointwiseMode
from agent.llm.modes.protocol import Mode
from agent.llm.modes.scores import ScoresMode
from agent.llm.modes.windows import WindowedMode, sliding, tournament
from agent.llm.scorer import LabelScorer, Scorer
from retrieval.errors import ConfigError

ModeName = Literal["label", "permutation", "scores", "pointwise", "sliding", "tournament"]

MOST: dict[ModeName, int] = {
    "label": MAX_LABELS,
    "permutation": permutation.MOST,
    "scores": MAX_LABELS,
    "pointwise": PointwiseMode.most,
    "sliding": windows.MOST,
    "tournament": windows.MOST,
}
"""Most candidates that each can take."""

PROMPTS: dict[ModeName, str] = {
    "label": "rerank-shares",
    "permutation": "rerank-permutation",
    "scores": "rerank-scores",
    "pointwise": "rerank-pointwise",
    "sliding": "rerank-shares",
    "tournament": "rerank-shares",
}
"""A prompt of the library for each."""


def mode_of(name: ModeName, scorer: Scorer, orders: int) -> Mode:
    """The mode of a name.

    Raises:
        ConfigError: It generates text or needs its own tokens, and the scorer has no server.
    """
    if name == "label":
        return LabelMode(scorer, orders)
    if name in {"sliding", "tournament"}:
        return WindowedMode(scorer, orders, sliding if name == "sliding" else tournament)
    if not isinstance(scorer, LabelScorer):
        raise ConfigError(f"mode {name!r} needs a server", "start one: polytaste llm up; or use the mode 'label'")
    if name == "pointwise":
        return PointwiseMode(scorer)
    return PermutationMode(scorer.chat, orders) if name == "permutation" else ScoresMode(scorer.chat, orders)
