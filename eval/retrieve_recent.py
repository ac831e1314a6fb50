"""Retrievers that read recent likes first: trained as ever, for how fast the others fade is a matter of reading alone."""

from __future__ import annotations

from pydantic import Field

from retrieval.arrays import Float32
from retrieval.baselines.linear import LinearConfig
from retrieval.baselines.protocol import Scorer
from retrieval.recency import fading
from retrieval.schema import Histories


class RecentLinearConfig(LinearConfig):
    """EDLAE that reads its histories so."""

    recency: float = Field(ge=0)


class Recent:
    """A scorer that reads histories whose recent likes count more."""

    def __init__(self, scorer: Scorer, recency: float) -> None:
        self._scorer, self._recency = scorer, recency

    def scores(self, histories: Histories) -> Float32:
        """``(B, M)``."""
        return self._scorer.scores(fading(histories, self._recency))
