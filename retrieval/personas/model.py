"""The persona encoder as a torch module: what is trained. Its equations stand in :mod:`retrieval.personas.encoder`."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from retrieval.personas.encoder import LOG_FLOOR, EncoderConfig, PersonaEncoder, Weights
from retrieval.personas.initial import InitialTables

_EMPTY = 1e-6
_TYPICAL_LENGTH = 50.0


class PersonaModule(nn.Module):
    """Learned tables, starting from closed forms.

    ``history`` is held as a fixed table plus a learned difference, so that training can read the tables computed
    without the users of a batch (``held_out``).
    """

    def __init__(
        self, config: EncoderConfig, tables: InitialTables, *, gain: float, alpha: float, shrink: float
    ) -> None:
        super().__init__()
        self.config = config
        items, width = tables.items.shape
        self.history_delta = nn.Parameter(torch.zeros(items, width))
        self.items = nn.Parameter(_tensor(tables.items))
        self.bias = nn.Parameter(torch.zeros(items))
        self.themes = nn.Parameter(_tensor(tables.themes))
        self.prototypes = nn.Parameter(_tensor(tables.prototypes))
        self.log_gain = nn.Parameter(torch.tensor(math.log(gain * _TYPICAL_LENGTH**alpha)))
        self.alpha = nn.Parameter(torch.tensor(alpha))
        # Buffers, so that they follow the module to its device.
        self.history_table: Tensor
        self.shrink: Tensor  # not learned: the likelihood drives it towards zero, and rankings get worse
        self.initial_items: Tensor
        self.initial_themes: Tensor
        self.register_buffer("shrink", torch.tensor(shrink))
        self.register_buffer("history_table", _tensor(tables.history))
        self.register_buffer("initial_items", self.items.detach().clone())
        self.register_buffer("initial_themes", self.themes.detach().clone())

    def forward(self, items: Tensor, weights: Tensor, table: Tensor, columns: Tensor | None = None) -> Tensor:
        """Scores of C items, or of all M.

        Args:
            items: ``(B, L)`` ids, anything where the weight is zero.
            weights: ``(B, L)`` weights, zero in the padding.
            table: ``(M, d)`` history table to read.
            columns: ``(C,)`` the items to score; None: all.

        Returns:
            ``(B, C)``.
        """
        config = self.config
        total = weights.sum(1, keepdim=True)
        keys = functional.normalize(self.themes, dim=1)
        themes, prototypes = keys[items], functional.normalize(self.prototypes, dim=1)
        centres = prototypes.expand(len(items), -1, -1)
        for _ in range(config.iterations):
            member = torch.softmax(config.sharpness * themes @ centres.transpose(1, 2), -1) * weights[:, :, None]
            centres = functional.normalize(
                member.transpose(1, 2) @ themes + config.prototype_prior * prototypes, dim=-1
            )
        member = torch.softmax(config.sharpness * themes @ centres.transpose(1, 2), -1) * weights[:, :, None]
        mass = member.sum(1)
        share = (mass + _EMPTY / config.personas) / (total + _EMPTY)

        said = table[items] + self.history_delta[items]
        mean = (said * weights[:, :, None]).sum(1) / total.clamp(min=_EMPTY)
        own = (member.transpose(1, 2) @ said + self.shrink * mean[:, None]) / (mass + self.shrink)[:, :, None]
        vectors = (1 - config.persona_share) * mean[:, None] + config.persona_share * own
        scale = self.log_gain.exp() * total.clamp(min=_EMPTY) ** (1 - self.alpha) * (total > 0)
        scored, scored_keys, bias = self.items, keys, self.bias
        if columns is not None:
            scored, scored_keys, bias = scored[columns], keys[columns], bias[columns]
        inner = (scale[:, None] * vectors) @ scored.T
        compatible = config.attention_sharpness * centres @ scored_keys.T + torch.log(share + LOG_FLOOR)[:, :, None]
        return (torch.softmax(compatible, 1) * inner).sum(1) + bias

    @torch.no_grad()
    def pull(self, tables: float, themes: float, scale: float = 1.0) -> None:
        """Add to the gradients that of the distance from the closed forms: what few users cannot justify is not learned.

        The penalty is ``tables (|history_delta|^2 + |items - initial|^2 + |bias|^2 / 10) + themes |themes - initial|^2``. Its gradient
        is taken by hand, because tables are wide and there are three more of them in that of autograd.

        Args:
            tables: Weight of the first part.
            themes: Weight of the second.
            scale: Of the gradients that are there.
        """
        for parameter, start, weight in (
            (self.history_delta, None, tables),
            (self.items, self.initial_items, tables),
            (self.bias, None, 0.1 * tables),
            (self.themes, self.initial_themes, themes),
        ):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad.add_(parameter, alpha=2.0 * weight * scale)
            if start is not None:
                parameter.grad.add_(start, alpha=-2.0 * weight * scale)

    @torch.no_grad()
    def encoder(self) -> PersonaEncoder:
        """What was learned, as the NumPy encoder that serves; nothing stands beside short histories yet."""
        weights = Weights(
            history=_array(self.history_table + self.history_delta),
            items=_array(self.items),
            bias=_array(self.bias),
            themes=_array(functional.normalize(self.themes, dim=1)),
            prototypes=_array(functional.normalize(self.prototypes, dim=1)),
            scalars=np.array([self.log_gain.exp().item(), self.alpha.item(), self.shrink.item()], np.float32),
            prior=np.zeros(self.items.shape[1], np.float32),
        )
        return PersonaEncoder(self.config, weights)


def _tensor(table: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(table, np.float32))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float32)
