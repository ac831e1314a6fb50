"""The product's persona encoder, trained as any retriever is that is compared."""

from __future__ import annotations

from retrieval.arrays import Csr
from retrieval.baselines.protocol import Progress
from retrieval.personas.initial import InitialTables
from retrieval.personas.training import TrainingConfig, closed_forms, train
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Histories


def fit_personas(
    interactions: Csr,
    config: TrainingConfig,
    categories: Csr | None,
    progress: Progress,
    start: InitialTables | None = None,
) -> PersonaScorer:
    """Train as the product does.

    Args:
        interactions: ``(N, M)`` training matrix.
        config: Settings.
        categories: ``(M, G)`` where items have categories.
        progress: Told how far it is.
        start: Of :func:`start_of`, if there is one.
    """
    histories, items = Histories.of_matrix(interactions.tocsr()), interactions.shape[1]
    return PersonaScorer(train(histories, items, config, categories=categories, start=start, progress=progress))


def start_of(interactions: Csr, config: TrainingConfig, categories: Csr | None) -> InitialTables:
    """Where the training of :func:`fit_personas` starts, the same for any number of personas."""
    return closed_forms(Histories.of_matrix(interactions.tocsr()), config, categories)
