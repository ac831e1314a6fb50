"""What a list of scores is told: what was liked, what the retriever knows, and to answer in labels.

    L = (1 - d) L_list + d KL(softmax(t / T) || softmax(s)) - m log(mass)

with s the model's scores of n candidates. Where the model learns what to add (``beside``), s is instead the sum of its standardised
scores and the retriever's, as a weight of one half fuses them (a product of experts; Hinton, Neural Computation 2002): what the
retriever says already earns nothing. t are the teacher's standardised scores, and ``mass`` the model's probability of all labels
together. The last term keeps the model answering in labels: a server reads log-probabilities over the whole vocabulary and does not
believe a model that puts little on them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softmax

from agent.llm.scorer import ALIKE
from eval.tune.config import Loss

MASS = 0.1
"""Weight of the mass, m: enough that it does not fall; it needs no accuracy."""


def list_softmax(scores: Tensor, liked: Tensor) -> Tensor:
    """``-1/|P| sum over i in P of log softmax(s)_i``, P the liked (ListNet's top-one loss; Cao et al., ICML 2007).

    Args:
        scores: ``(n,)``.
        liked: ``(n,)`` bool, at least one.
    """
    return -log_softmax(scores, dim=0)[liked].mean()


def listmle(scores: Tensor, liked: Tensor, teacher: Tensor) -> Tensor:
    """Likelihood of an order under Plackett and Luce (Xia et al., ICML 2008), by place, of its first ``|P|`` places.

        -1/|P| sum over i < |P| of  s_(i) - log sum over j >= i of exp s_(j)

    The liked come first; where liking says nothing, the teacher orders.

    Args:
        scores: ``(n,)``.
        liked: ``(n,)`` bool, at least one.
        teacher: ``(n,)``.
    """
    order = sorted(range(len(scores)), key=lambda i: (not liked[i], -float(teacher[i])))
    placed = scores[order]
    rest = torch.logcumsumexp(placed.flip(0), dim=0).flip(0)
    return (rest - placed)[: int(liked.sum())].mean()


def divergence(scores: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """``KL(softmax(t / T) || softmax(s))`` in nats (Hinton et al., 2015, arXiv 1503.02531)."""
    wanted = softmax(teacher / temperature, dim=0)
    return (wanted * (torch.log(wanted.clamp_min(1e-12)) - log_softmax(scores, dim=0))).sum()


def together(scores: Tensor, retrieved: Tensor) -> Tensor:
    """``(s - mean s) / sd s + r``, as :func:`agent.llm.scorer.standardised` has it, with gradients through it: the fusion with equal weights.

    Args:
        scores: ``(n,)`` s, of the model.
        retrieved: ``(n,)`` r, standardised, of the retriever.
    """
    deviation = scores.std(correction=0)
    return retrieved + (scores - scores.mean()) * (1.0 / deviation if deviation > ALIKE else 0.0)


def total(
    scores: Tensor,
    mass: Tensor,
    liked: Tensor,
    teacher: Tensor,
    *,
    loss: Loss,
    distil: float,
    temperature: float,
) -> Tensor:
    """The loss of one request; see the module.

    Args:
        scores: ``(n,)`` of the model.
        mass: Logarithm of its probability of the labels, mean over the questions.
        liked: ``(n,)`` bool.
        teacher: ``(n,)`` standardised.
        loss: Of the list.
        distil: d.
        temperature: T.
    """
    told = list_softmax(scores, liked) if loss == "softmax" else listmle(scores, liked, teacher)
    return (1.0 - distil) * told + distil * divergence(scores, teacher, temperature) - MASS * mass
