"""Joined towers as retrievers: trained once, for how much each tower says and into how many personas is a matter of reading alone."""

from __future__ import annotations

from eval.retrieve_personas import PersonaScorer
from eval.retrieve_setting import Setting, Trainable, once
from retrieval.baselines.protocol import Scorer
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.towers import TowersConfig, fit_towers, join

RECVAE_WEIGHTS = (1.0, 2.0, 4.0)
SHARES = (0.1, 0.25)
"""Parts of a persona's vector that are its own."""

_trained = once(lambda ground: fit_towers(ground.matrix, TowersConfig(), judge=ground.judge, progress=ground.progress))


class TowerPersonasConfig(TowersConfig):
    """Towers, and the personas that they are read as."""

    shape: EncoderConfig


def tower_personas(personas: int) -> tuple[Setting, ...]:
    """A setting for each weight of the RecVAEs, and for each share where there are several personas."""

    def one(weight: float, share: float) -> Setting:
        shape = EncoderConfig(personas=personas, persona_share=share)
        config = TowerPersonasConfig(recvae_weight=weight, shape=shape)

        def fit(ground: Trainable) -> Scorer:
            return PersonaScorer(join(_trained(ground), config, shape, ground.matrix, ground.categories))

        varied = {"recvae_weight": weight, **({"persona_share": share} if personas > 1 else {})}
        return Setting(config, varied, fit, shared=True)

    return tuple(one(weight, share) for weight in RECVAE_WEIGHTS for share in (SHARES if personas > 1 else (0.0,)))
