"""What no rule reads of a request is searched for by its meaning, and joins what each taste found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from retrieval.arrays import Bool, Float32, Int32
from retrieval.candidates import Retrieved
from retrieval.schema import NO_ITEM, Histories
from retrieval.text import TextHits, TextIndex
from retrieval.text_fusion import fuse

Scorer = Callable[[Int32], tuple[Float32, Float32]]


class MeaningConfig(BaseModel):
    """How words and tastes are joined. The weight was chosen on validation users; see docs/decisions/0013."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float = Field(default=0.5, ge=0, le=1, description="of the words against the tastes")
    least: float = Field(default=0.3, ge=-1, le=1, description="cosine below which an item is not about the words")
    near: float = Field(
        default=0.44,
        ge=-1,
        le=1,
        description="cosine from which the nearest item speaks of the words; see docs/decisions/0013",
    )
    hits: int = Field(default=100, ge=1, description="items that the search brings")


class Meaning:
    """Searches by meaning for one model.

    Args:
        words: What its items say; None searches for nothing.
        config: Settings.
    """

    def __init__(self, words: TextIndex | None, config: MeaningConfig) -> None:
        self._words = words
        self._config = config

    @property
    def ready(self) -> bool:
        """Whether anything can be searched for."""
        return self._words is not None

    def speaks_of(self, about: str) -> bool:
        """Whether the words of an item come near to some words; where nothing can be searched for nobody can tell, and it is taken so.

        Words that the encoder knows in pieces alone ("flibber") come near to anything.
        """
        if self._words is None:
            return True
        known = any(self._words.encoder.knows(word) for word in about.split())
        return known and bool(self._words.search([about], 1).scores[0, 0] >= self._config.near)

    def join(
        self, known: Retrieved, about: str, score: Scorer, *, gone: Int32, allowed: Bool | None, whole: bool = False
    ) -> Retrieved:
        """Candidates with those that are about some words, scored for both.

        Where nothing comes near to the words they change nothing, rather than bring what merely sounds alike.

        Args:
            known: Of one user.
            about: The words; empty for none.
            score: Scores and persona shares of items, as those of ``known`` were made.
            gone: Items that must not be found.
            allowed: ``(n_items,)`` items that may be found.
            whole: Whether every one of the known candidates must stay: else there are as many as before.
        """
        if self._words is None or not about:
            return known
        hits = self._words.search([about], self._config.hits, allowed=allowed, seen=Histories.of([gone]))
        near = hits.scores[0] >= self._config.least
        if not near.any():
            return known
        kept = TextHits(np.where(near, hits.items, NO_ITEM).astype(np.int32), hits.scores, hits.queries)
        weight = self._config.weight
        size = None if whole else max(known.candidates.items.shape[1], 1)
        fused = fuse(known.candidates, kept, weight, score=score, index=self._words, n=size)
        return replace(known, candidates=fused, worded=weight)
