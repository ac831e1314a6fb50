"""Prompts rendered from real requests: what production would say of a user, by any prompt, of the same candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.commands import load_data
from agent.llm.labels import LETTERS
from agent.recommender import Recommender, RecommenderConfig
from agent.request import Asked
from agent.rerank.llm import Ask
from prompts.template import Message, Prompt, watched
from retrieval import artifacts
from retrieval.arrays import Int32

SHOWN = 20
"""Candidates shown to the model, as in production."""

PATIENT_MS = 300_000


def with_prompt(ask: Ask, prompt: Prompt) -> Ask:
    """The same question in the words of another prompt: same candidates, same labels, same facts."""

    def render(shown: Int32, labels: Sequence[str]) -> tuple[Message, ...]:
        return prompt.render(**_inputs(ask, shown, labels))

    return replace(ask, render=render)


def inputs_of(ask: Ask, prompt: Prompt, candidates: int = SHOWN) -> dict[str, Any]:
    """What a prompt is given for the first call about a question."""
    shown = ask.listing.shortlist(ask.pool, ask.k, max(candidates, ask.k))
    if prompt.front.output == "yes-no":
        shown = shown[:1]
    return _inputs(ask, shown, labels_of(prompt, len(shown)))


def labels_of(prompt: Prompt, count: int) -> tuple[str, ...]:
    """What the mode that reads a prompt calls its candidates."""
    if prompt.front.output in {"permutation", "yes-no"}:
        return tuple(str(number + 1) for number in range(count))
    return LETTERS[:count]


def open_source(model: Path | None, data: str | None, columns: Sequence[str], prompt: str) -> Recommender:
    """The recommender of an artefact, or of one trained now on a data set.

    Raises:
        NotFoundError: No artefact.
        DataError: The data cannot be read.
    """
    config = RecommenderConfig(prompt=prompt)
    if data is None:
        return Recommender.load(model, use_llm=False, config=config)
    from retrieval.personas.training import train  # noqa: PLC0415  (imports torch)

    dataset = load_data(data, list(columns))
    shares = dataset.catalog.axis().share if dataset.catalog.has_labels() else None
    encoder = train(dataset.histories(), len(dataset.catalog), categories=shares)
    return Recommender(artifacts.build(dataset, encoder), config=config)


def asked(recommender: Recommender, request: str, user: str | None, like: Sequence[str], k: int) -> Ask:
    """The question of one user, as production prepares it; somebody of the data where nobody is named.

    Raises:
        NotFoundError: An unknown user or title.
    """
    if user is None and not like:
        user = recommender.model.user_ids[0]
    of: Asked = {"like": list(like), "k": k, "deadline_ms": PATIENT_MS}
    if user is not None:
        of["user"] = user
    return recommender.prepare(request, **of)[0]


def _inputs(ask: Ask, shown: Int32, labels: Sequence[str]) -> dict[str, Any]:
    with watched() as seen:
        ask.render(shown, labels)
    return seen[-1]
