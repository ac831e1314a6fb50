"""The persona encoder in NumPy: what serves. The same forward pass as the module that is trained.

For a history with weights w_i over items i, item themes e_i and prototypes q_k (both unit vectors):

    c_k <- q_k, then T times:  r_ik = softmax_k(tau <e_i, c_k>),  c_k <- unit(sum_i w_i r_ik e_i + prior q_k)
    pi_k  = sum_i w_i r_ik / sum_i w_i
    m     = sum_i w_i p_i / sum_i w_i
    m_k   = (sum_i w_i r_ik p_i + s m) / (sum_i w_i r_ik + s)          small personas lean on the whole user
    u_k   = gain n^(1-alpha) ((1-beta) m + beta m_k + ((h / (h + n))^2 / n) p),  n = sum_i w_i
    a_jk  = softmax_k(tau_a <e_j, c_k> + log pi_k)
    score = sum_k a_jk <u_k, v_j> + b_j

The iteration is slot attention (Locatello et al. 2020) on fixed keys, the candidate-conditional attention that of
AMP-CF (Barkan et al. 2020, arXiv 2010.07042) with inner-product scores, so that FAISS finds the items. With beta = 0
or K = 1 it is a low-rank linear autoencoder. There is no user table: a new user is only a history.

The last term of u_k is a prior that fades as the history grows: p is kappa likes of the mean user, kappa chosen as training ends
(:mod:`retrieval.personas.newcomers`). It is added in serving alone, since the histories that training shows are long.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse

from retrieval.arrays import Bool, Float32, Int32
from retrieval.recency import fading
from retrieval.schema import Histories, Personas

_EMPTY = 1e-6  # keeps an empty history from dividing by zero, far below the weight of one item
LOG_FLOOR = 1e-3
"""Added to a persona's weight before its logarithm, so that an empty one stays finite."""


class EncoderConfig(BaseModel):
    """Shape and fixed constants of the encoder; the rest is learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    personas: int = Field(default=4, ge=1, description="K, tastes per user")
    dimension: int = Field(default=192, ge=1, description="d, of item and persona vectors")
    theme_dimension: int = Field(default=32, ge=1, description="t, of the themes that memberships are made of")
    iterations: int = Field(default=3, ge=1, description="T, rounds of routing")
    sharpness: float = Field(default=8.0, gt=0, description="tau of the memberships")
    attention_sharpness: float = Field(default=2.0, ge=0, description="tau_a of the attention to a candidate")
    prototype_prior: float = Field(default=0.5, ge=0, description="items' worth of pull towards the learned prototypes")
    persona_share: float = Field(default=0.25, ge=0, le=1, description="beta, part of a persona vector that is its own")
    recency: float = Field(default=0.0, ge=0, description="a like with a likes after it counts (1+a)^-recency")
    prior_fade: float = Field(default=4.0, gt=0, description="h, likes beside which a quarter of the prior is left")


@dataclass(frozen=True, slots=True)
class Weights:
    """Learned arrays over M items.

    Attributes:
        history: ``(M, d)`` p_i, what an item in a history says.
        items: ``(M, d)`` v_j, what is searched.
        bias: ``(M,)`` b_j.
        themes: ``(M, t)`` unit e_i.
        prototypes: ``(K, t)`` unit q_k.
        scalars: ``(3,)`` gain, alpha, s.
        prior: ``(d,)`` p, what stands beside a short history.
    """

    history: Float32
    items: Float32
    bias: Float32
    themes: Float32
    prototypes: Float32
    scalars: Float32
    prior: Float32

    def as_dict(self) -> dict[str, Any]:
        """Arrays by name, for storing."""
        return {f.name: np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)}


class PersonaEncoder:
    """Histories to personas, and the attentive score of items; no state beyond the learned arrays."""

    def __init__(self, config: EncoderConfig, weights: Weights) -> None:
        self.config = config
        self.weights = weights

    @property
    def n_items(self) -> int:
        """Size of the catalogue the encoder was trained on."""
        return len(self.weights.items)

    @cached_property
    def plain(self) -> PersonaEncoder:
        """The same with nothing beside short histories: for what is like given items rather than what somebody will like."""
        return PersonaEncoder(self.config, replace(self.weights, prior=np.zeros_like(self.weights.prior)))

    @cached_property
    def known(self) -> Bool:
        """``(M,)`` items that say something in a history: learned, or predicted from their words."""
        return np.asarray(self.weights.history.any(axis=1), bool)

    def encode(self, histories: Histories) -> Personas:
        """Personas of B histories; their order matters by ``recency`` alone.

        An empty history gets uniform weights and zero vectors, so that its scores are the item biases.

        Raises:
            ValueError: An item id is outside the catalogue.
        """
        if len(histories.items) and not 0 <= histories.items.min() <= histories.items.max() < self.n_items:
            raise ValueError(f"item ids must lie between 0 and {self.n_items - 1}")
        config, learned = self.config, self.weights
        histories = fading(histories, config.recency)
        gain, alpha, shrink = (float(x) for x in learned.scalars)
        owner, themes = histories.owner, learned.themes[histories.items]
        users, heads = len(histories), config.personas
        pooled = _Pooling(histories, heads)
        centres = np.broadcast_to(learned.prototypes, (users, *learned.prototypes.shape)).copy()
        for _ in range(config.iterations):
            member = self._membership(themes, centres, owner)
            pull = pooled(member, learned.themes) + config.prototype_prior * learned.prototypes
            centres = unit(pull.astype(np.float32))
        member = self._membership(themes, centres, owner)
        mass = np.stack([_totals(histories, member[:, k]) for k in range(heads)], axis=1)
        total = _totals(histories, np.ones(len(histories.items), np.float32))
        weights = (mass + _EMPTY / heads) / (total + _EMPTY)[:, None]
        own = pooled(member, learned.history)
        # The memberships of an item sum to one, so the personas' sums make up the whole.
        mean = own.sum(axis=1) / np.maximum(total, _EMPTY)[:, None]
        own = (own + shrink * mean[:, None]) / (mass + shrink)[:, :, None]
        left = (config.prior_fade / (config.prior_fade + total)) ** 2 / np.maximum(total, _EMPTY)
        vectors = (1.0 - config.persona_share) * mean[:, None] + config.persona_share * own
        vectors = vectors + left[:, None, None] * learned.prior
        scale = np.where(total > 0, gain * np.maximum(total, _EMPTY) ** (1.0 - alpha), 0.0)
        vectors = vectors * scale[:, None, None]
        return Personas(
            vectors.astype(np.float32),
            centres.astype(np.float32),
            weights.astype(np.float32),
            member.astype(np.float32),
        )

    def attend(self, personas: Personas, items: Int32) -> tuple[Float32, Float32]:
        """Scores of items, and the part each persona has in the attention to them.

        Args:
            personas: Of B users.
            items: ``(B, n)`` valid internal ids.

        Returns:
            Scores ``(B, n)`` and attention ``(B, n, K)``, rows summing to one.
        """
        learned = self.weights
        inner = np.matmul(learned.items[items], personas.vectors.transpose(0, 2, 1))
        compatible = np.matmul(learned.themes[items], personas.themes.transpose(0, 2, 1))
        prior = np.log(personas.weights + LOG_FLOOR)[:, None, :]
        attention = _softmax(self.config.attention_sharpness * compatible + prior)
        return (attention * inner).sum(axis=2) + learned.bias[items], attention

    def _membership(self, themes: Float32, centres: Float32, owner: Int32) -> Float32:
        agreement = np.einsum("nt,nkt->nk", themes, centres[owner])
        return _softmax(self.config.sharpness * agreement)


class _Pooling:
    """Weighted sums of item rows per user and persona, ``sum_i w_i m_ik x_i``; where the weights stand is worked out once."""

    def __init__(self, histories: Histories, heads: int) -> None:
        self._histories, self._heads = histories, heads
        if len(histories) == 1:
            return
        lengths = np.repeat(np.diff(histories.indptr), heads)
        self._indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        row = np.repeat(np.arange(len(lengths)), lengths)
        self._source = histories.indptr[row // heads] + np.arange(len(row)) - self._indptr[row]
        self._head = row % heads

    def __call__(self, member: Float32, rows: Float32) -> Float32:
        """``(B, K, d)`` sums; member ``(nnz, K)``, rows ``(n_items, d)``."""
        histories = self._histories
        if len(histories) == 1:
            weighted = histories.weights[:, None] * member
            return np.asarray(weighted.T @ rows[histories.items], np.float32)[None]
        values = (histories.weights[self._source] * member[self._source, self._head]).astype(np.float32)
        items = histories.items[self._source].astype(np.int64)
        both = sparse.csr_matrix((values, items, self._indptr), shape=(len(histories) * self._heads, len(rows)))
        return np.asarray(both @ rows, np.float32).reshape(len(histories), self._heads, rows.shape[1])


def _totals(histories: Histories, factor: Float32) -> Float32:
    return np.bincount(histories.owner, histories.weights * factor, minlength=len(histories)).astype(np.float32)


def unit(rows: Float32) -> Float32:
    """Rows of length one; zeros stay zeros."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _softmax(logits: Float32) -> Float32:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
