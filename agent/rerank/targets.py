"""The proportions a slate should keep: the shares of a history, and what may be made of them."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agent.rerank.calibration import target_shares
from retrieval.arrays import Float32, Float64
from retrieval.recency import age
from retrieval.schema import Histories


class TargetConfig(BaseModel):
    """How shares of a history become a target; the defaults leave them as they are (Steck 2018, eq. 2)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gamma: float = Field(
        default=1.0,
        ge=0.0,
        description="p^gamma: below 1 evens the shares out, above 1 sharpens them, inf is the largest",
    )
    prior: float = Field(default=0.0, ge=0.0, le=1.0, description="part of the target that is everyone's shares")
    half_life: float | None = Field(
        default=None, gt=0.0, description="likes back in the history at which one counts half; none counts all alike"
    )


def targets(histories: Histories, groups: Float32, everyone: Float64, config: TargetConfig | None = None) -> Float64:
    """Targets of B histories: with recency r, p = (1 - prior) p(g|u) + prior p(g), then p^gamma / sum p^gamma.

    p(g|u) weighs each like by ``w * 2 ** (-age / half_life)``, age 0 being the newest. The exponent is that of "Reconciling
    the accuracy-diversity trade-off in recommendations" (2023, arXiv 2307.15142): 1 is Steck's target.

    Args:
        histories: Oldest first where time is known; weights may carry a request.
        groups: ``(nnz, G)`` p(g|i) of each entry of the histories.
        everyone: ``(G,)`` p(g), shares of all likes.
        config: Settings.

    Returns:
        ``(B, G)``; a row of zeros for an empty history without a prior.
    """
    config = config or TargetConfig()
    if config.half_life is not None:
        weights = histories.weights * np.exp2(-age(histories) / config.half_life)
        histories = Histories(histories.indptr, histories.items, weights.astype(np.float32))
    shares = (1.0 - config.prior) * target_shares(histories, groups) + config.prior * everyone
    return tempered(shares, config.gamma)


def tempered(shares: Float64, gamma: float) -> Float64:
    """p^gamma / sum p^gamma along the last axis; groups without a share stay without, zeros stay zeros."""
    most = shares.max(axis=-1, keepdims=True, initial=0.0)
    relative = np.divide(shares, most, out=np.zeros_like(shares), where=most > 0)
    raised = np.where(relative > 0, relative**gamma, 0.0)
    mass = raised.sum(axis=-1, keepdims=True)
    return np.divide(raised, mass, out=np.zeros_like(raised), where=mass > 0)
