"""NDCG@10 of one list of candidates: as the model orders them, as the retriever does, and as both do together.

Both together is the mean of the two standardised scores: what a weight of one half would give. No proportions are kept here; what
a model is worth in a slate is measured by ``polytaste llm fit``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from agent.llm.scorer import standardised
from eval.llm_fit import SLATE, ndcg_of
from eval.tune.config import Kind
from eval.tune.examples import Example
from eval.tune.network import Network
from retrieval.arrays import Float32, Float64


@dataclass(frozen=True, slots=True)
class Values:
    """One value per request.

    Attributes:
        kinds: Kind of each.
        retriever: ``(B,)`` NDCG@10 of the retriever's order.
        model: ``(B,)`` of the model's.
        both: ``(B,)`` of both together.
        mass: ``(B,)`` probability of the answers that were asked for.
    """

    kinds: tuple[Kind, ...]
    retriever: Float64
    model: Float64
    both: Float64
    mass: Float64

    def learned(self, *, beside: bool) -> Float64:
        """``(B,)`` of what a run learns: the model alone, or beside the retriever."""
        return self.both if beside else self.model


def measure(network: Network, examples: Sequence[Example], told: Callable[[int], None]) -> Values:
    """Ask the model about every example.

    Args:
        network: The model.
        examples: Requests.
        told: How many are done.
    """
    rows = list[tuple[float, ...]]()
    for done, example in enumerate(examples):
        with torch.inference_mode():
            scores, mass = network.scores(network.encoder(example.prompts), len(example.items))
        said = standardised(scores.float().cpu().numpy())
        orders = (example.retrieved, said, said + example.retrieved)
        rows.append((*(_ndcg(scores, example) for scores in orders), float(mass.exp())))
        told(done + 1)
    retriever, model, both, masses = np.array(rows, np.float64).reshape(-1, 4).T
    return Values(tuple(e.kind for e in examples), retriever, model, both, masses)


def _ndcg(scores: Float32, example: Example) -> float:
    """Ties stay as they are shown."""
    order = np.argsort(-scores, kind="stable")[:SLATE]
    return ndcg_of(example.items[order], example.items[example.liked])
