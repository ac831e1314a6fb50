"""A better prompt, searched for on some users and judged once on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.llm.scorer import LabelScorer
from eval.prompt_compare import CompareConfig, Comparison, on_people
from eval.prompt_people import Person, Progress
from eval.prompt_search import SearchConfig, SearchPath, Trial, search
from eval.prompt_sequential import LEVEL
from eval.prompt_sides import sides
from eval.prompt_space import Space
from eval.prompt_spending import Spending
from eval.prompt_stats import as_dict
from eval.prompt_tokens import find_tokenizer, whole_tokens
from eval.significance import Interval, paired_bootstrap, permutation_p
from prompts.sample import sample_inputs
from prompts.template import Prompt
from retrieval.datasets.dataset import Dataset
from retrieval.errors import ConfigError


@dataclass(frozen=True)
class Judgement:
    """What the best prompt is worth, minus the first, on users that the search never saw.

    Attributes:
        comparison: Of the two.
        worth: Paired difference with its 95 % interval.
        p: Of a sign-flip permutation test of it: the one question that the search ends in, and not among those of the comparison.
    """

    comparison: Comparison
    worth: Interval
    p: float


@dataclass(frozen=True)
class Optimised:
    """All that was found.

    Attributes:
        config: What was asked for.
        space: What could change.
        model: That was asked.
        data: Name of the data set.
        path: Of the search.
        winner: The best prompt, None if that is the one that was started from.
        judgement: Of the winner.
        spending: What the search took.
    """

    config: SearchConfig
    space: Space
    model: str
    data: str
    path: SearchPath
    winner: Prompt | None
    judgement: Judgement | None
    spending: Spending

    @property
    def paid(self) -> int:
        """Tokens paid in all."""
        return self.spending.paid + (self.judgement.comparison.paid if self.judgement else 0)

    @property
    def seconds(self) -> float:
        """Of asking, in all."""
        return self.spending.seconds + (self.judgement.comparison.seconds if self.judgement else 0.0)

    def verdict(self) -> str:
        """What came of it, in a sentence."""
        start, users = self.space.start.front.name, self.config.users
        if self.winner is None or self.judgement is None:
            return f"no prompt was worth more than {start} to the {users} users searched on: there is nothing to judge, keep it"
        judges = f"{len(self.judgement.comparison.people)} users that the search never saw"
        if self.judgement.p >= LEVEL:
            return (
                f"no difference to {start} beyond doubt in {judges}: the gain in the search may be chance, keep {start}"
            )
        if self.judgement.worth.mean > 0:
            return f"{self.winner.front.name} is better than {start} in {judges}"
        return f"{self.winner.front.name} is worse than {start} in {judges}: the gain in the search was chance, keep {start}"


def optimise(
    dataset: Dataset, scorer: LabelScorer, space: Space, config: SearchConfig, name: str, progress: Progress
) -> Optimised:
    """Search on some users, and compare the best prompt with the first on others, once.

    Args:
        dataset: Data; users are asked about only by models that never saw them.
        scorer: Asks the model, and keeps its answers.
        space: What may change.
        config: What is searched for, and how long.
        name: Of the best prompt.
        progress: Told stage, done and total.

    Raises:
        DataError: Too few users.
        ConfigError: The means do not reach for one prompt, or Optuna is not installed.
        ServerError: The model cannot be reached; what it answered so far is kept.
    """
    reserve = 0 if config.max_tokens is None else 2 * config.judges * tokens_of(space.start)
    if config.max_tokens is not None and reserve >= config.max_tokens:
        raise ConfigError(
            f"--max-tokens {config.max_tokens:,}: judging alone takes about {reserve:,}", "allow more, or fewer --judges"
        )  # fmt: skip
    people, judges = sides(dataset, config.users, config.judges, config.words, config.seed, progress)
    spending = Spending(config.max_tokens, config.max_seconds, reserve)
    path = search(space, people, scorer, config, spending, progress)
    best = path.trials[path.best]
    winner = space.prompt(best.prompt.body, name, best.changed) if path.best else None
    judgement = _judged(space.start, winner, judges, dataset.name, scorer, config, progress) if winner else None
    return Optimised(config, space, scorer.model, dataset.name, path, winner, judgement, spending)


def tokens_of(prompt: Prompt) -> int:
    """About what one question takes, by made-up inputs of ordinary length and the packaged model's tokenizer, if it is at hand."""
    return whole_tokens(prompt, sample_inputs(), find_tokenizer(None)) + 1


def _judged(
    start: Prompt, winner: Prompt, judges: list[Person], data: str, scorer: LabelScorer, config: SearchConfig, progress: Progress
) -> Judgement:  # fmt: skip
    asked = CompareConfig(
        prompts=(start.front.name, winner.front.name), users=len(judges), words=config.words, weight=config.weight,
        bias_users=0, looks=1, at_once=config.at_once, seed=config.seed,
    )  # fmt: skip
    found = on_people((start, winner), iter(judges), data, scorer, asked, progress)
    base, one = (config.worth.of(row) for row in found.answers)
    return Judgement(found, paired_bootstrap(one, base), float(permutation_p(one, base)[0]))


def facts_of(found: Optimised, titles: Sequence[str]) -> dict[str, Any]:
    """Everything, for machines."""
    judged, best = found.judgement, found.path.best
    return {
        "model": found.model, "data": found.data, "start": found.space.start.front.name, "verdict": found.verdict(),
        "stopped": found.path.stopped, "tokens_paid": found.paid, "seconds": round(found.seconds, 1),
        "calls_from_disk": found.spending.kept, "config": found.config.model_dump(mode="json"),
        "space": {
            "parts": {name: list(levels) for name, levels in found.space.parts.items()},
            "sentences": {name: list(sentences) for name, sentences in found.space.groups.items()}, "prompts": found.space.size,
        },
        "trials": [
            {"number": at, "best": at == best, **_trial(trial, found.path.trials[0])} for at, trial in enumerate(found.path.trials)
        ],
        "refused": [{"changed": changed, "why": why} for changed, why in found.path.refused],
        "winner": None if found.winner is None else {
            "name": found.winner.front.name, "version": found.winner.version, "changed": found.path.trials[best].changed, "text": found.winner.text,
        },
        "judged": None if judged is None else {
            "worth_minus_start": [judged.worth.mean, judged.worth.low, judged.worth.high], "p": judged.p,
            "comparison": as_dict(judged.comparison, titles),
        },
    }  # fmt: skip


def _trial(trial: Trial, first: Trial) -> dict[str, Any]:
    users = len(trial.worth)

    def mean(metric: str) -> float:
        return float(np.mean([answer.values[metric] for answer in trial.answers]))

    return {
        "version": trial.prompt.version, "changed": trial.changed, "users": users, "whole": trial.whole, "worth": float(trial.worth.mean()),
        "minus_start": float((trial.worth - first.worth[:users]).mean()), "ndcg": mean("ndcg"), "kl": mean("kl"),
        "tokens": mean("read") + mean("written"), "failed": sum(bool(answer.failed) for answer in trial.answers),
    }  # fmt: skip
