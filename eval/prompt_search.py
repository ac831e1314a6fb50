"""A search over the parts and sentences of a prompt: each proposal asked about the same users, the poor ones not about all of them.

Proposals come from a tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011), as
Optuna has it (Akiba et al., KDD 2019); the first is the prompt that is started from. A proposal is left after a block of users if a Wilcoxon
signed-rank test against the best so far, paired by user, finds it worse: a rule that saves questions, and no finding. The best is chosen among
those that all users were asked about. The seed settles the proposals, and answers are kept on the disk: a search that broke off is run again
from its beginning, pays nothing for what it knows, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import wilcoxon

from agent.llm.earned import PRIOR
from agent.llm.scorer import LabelScorer
from agent.rerank.llm import LLMConfig, LLMRung
from eval.prompt_answers import Answer, together
from eval.prompt_people import Person, Progress
from eval.prompt_requests import SHOWN
from eval.prompt_space import Space
from eval.prompt_spending import Spending
from eval.prompt_worth import Worth
from prompts.template import Prompt
from retrieval.arrays import Float64
from retrieval.errors import ConfigError

LEAST = 8
"""Users before a proposal may be left."""

LEFT_AT = 0.1
"""Level of the test that leaves one; looked at after every block, so no error rate is claimed."""

_PROPOSALS = 20
"""Proposals for each trial at most; those already tried, and those refused, are no trials."""

_BY_CHANCE = 5
"""Trials before the estimator has a say; the same for any number of trials, so that a longer search goes on from a shorter one."""

_AGAIN = 5
"""Proposals one after another that were tried before, after which they are drawn by chance: the estimator may see nothing but its favourite."""


class SearchConfig(BaseModel):
    """What is searched for, on whom, and how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    worth: Worth = Worth()
    trials: int = Field(default=30, ge=2, description="prompts to try, the first among them")
    users: int = Field(default=60, ge=LEAST, description="users to search on")
    judges: int = Field(default=100, ge=4, description="other users, to judge on in the end")
    words: bool | None = Field(default=False, description="requests in words: none, all, or (None) every second")
    weight: float = Field(default=PRIOR, ge=0.0, le=1.0, description="share of the model in the slate")
    max_tokens: int | None = Field(default=None, ge=1, description="no question is asked once this many were paid")
    max_seconds: float | None = Field(default=None, gt=0, description="no proposal is tried after this time of asking")
    at_once: int = Field(default=4, ge=1, le=64, description="users who are asked about at once")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Trial:
    """A prompt that was tried.

    Attributes:
        prompt: As it was.
        changed: What the first prompt has not.
        answers: Of the users who were asked about, in order.
        worth: ``(users,)`` of these.
        whole: Whether that is all users.
    """

    prompt: Prompt
    changed: dict[str, str]
    answers: list[Answer]
    worth: Float64
    whole: bool


@dataclass
class SearchPath:
    """The way of a search.

    Attributes:
        trials: In order; the first is the prompt that was started from.
        refused: Proposals that were not asked about, with what the linter says.
        stopped: Why it ended.
    """

    trials: list[Trial] = field(default_factory=list)
    refused: list[tuple[dict[str, str], str]] = field(default_factory=list)
    stopped: str = ""

    @property
    def best(self) -> int:
        """Number of the trial of most worth, the earliest if several have it."""
        return int(np.argmax([trial.worth.mean() if trial.whole else -np.inf for trial in self.trials]))


def search(
    space: Space, people: Sequence[Person], scorer: LabelScorer, config: SearchConfig, spending: Spending, progress: Progress
) -> SearchPath:  # fmt: skip
    """Try prompts until all trials are done, nothing new is proposed, or the means are spent.

    Args:
        space: What may change.
        people: Users to search on.
        scorer: Asks the model, and keeps its answers.
        config: How long.
        spending: What asking costs, and its limits.
        progress: Told stage, done and total.

    Raises:
        ConfigError: Optuna is not installed, or the first prompt could not be asked about.
        ServerError: The model cannot be reached; what it answered so far is kept.
    """
    optuna = _optuna()
    model = optuna.samplers.TPESampler(seed=config.seed, n_startup_trials=_BY_CHANCE)
    chance = optuna.samplers.RandomSampler(seed=config.seed)
    study = optuna.create_study(direction="maximize", sampler=model)
    study.enqueue_trial({name: space.has[name] for name in (*space.parts, *space.groups)})
    path, known, left, again = SearchPath(), set[str](), 0, 0
    for _ in range(config.trials * _PROPOSALS):
        study.sampler = model if again < _AGAIN else chance
        proposal = study.ask()
        chosen, body = space.choose(proposal.suggest_categorical)
        changed = space.changed(chosen)
        again = again + 1 if body in known else 0
        made = None if again else _passed(space, body, changed, path)
        known.add(body)
        if made is None:
            study.tell(proposal, state=optuna.trial.TrialState.FAIL)
            continue
        asked = len(path.trials) * len(people) - left
        answers = list[Answer]()
        stage = f"prompt {len(path.trials) + 1} of {config.trials}"
        for block in _blocks(LLMRung(scorer, made, _alone(config)), people, config.at_once, spending):
            answers += block
            progress(stage, asked + len(answers), config.trials * len(people) - left)
            if path.trials and _worse(config.worth.of(answers), path.trials[path.best].worth):
                break
        path.stopped = spending.spent(len(people)) if len(answers) < len(people) else ""
        if not answers:
            break
        worth, whole = config.worth.of(answers), len(answers) == len(people)
        path.trials.append(Trial(made, changed, answers, worth, whole))
        left += len(people) - len(answers)
        if path.stopped:
            break
        state = optuna.trial.TrialState.COMPLETE if whole else optuna.trial.TrialState.PRUNED
        study.tell(proposal, float(worth.mean()) if whole else None, state=state)
        if len(path.trials) == config.trials:
            path.stopped = f"all {config.trials} prompts were tried"
            break
    if not path.trials or not path.trials[0].whole:
        raise ConfigError(
            f"{path.stopped}: not even {space.start.front.name} was asked about all {len(people)} users",
            "allow more with --max-tokens or --max-seconds, or ask for fewer --users",
        )
    path.stopped = path.stopped or "no prompt is proposed that was not tried"
    return path


def _worse(worth: Float64, best: Float64) -> bool:
    """Whether a proposal is to be left: worse than the best on the users asked about so far."""
    apart = worth - best[: len(worth)]
    if len(apart) < LEAST or apart.mean() >= 0:
        return False
    found: Any = wilcoxon(apart, alternative="less", zero_method="zsplit")  # its stub hides the fields
    return bool(found.pvalue < LEFT_AT)


def _passed(space: Space, body: str, changed: dict[str, str], path: SearchPath) -> Prompt | None:
    try:
        return space.prompt(body, f"{space.start.front.name}-{len(path.trials)}", changed)
    except ConfigError as why:
        path.refused.append((changed, why.message))
        return None


def _blocks(rung: LLMRung, people: Sequence[Person], at_once: int, spending: Spending) -> Iterator[list[Answer]]:
    """Answers about all users, a block at a time; ends where the means do."""
    for start in range(0, len(people), at_once):
        if spending.spent(start):
            return
        block = people[start : start + at_once]
        yield [row[0] for row in spending.of(together([[rung]] * len(block), block, [False] * len(block)))]


def _alone(config: SearchConfig) -> LLMConfig:
    return LLMConfig(weight=config.weight, candidates=SHOWN)


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415  (an extra)
    except ImportError as why:
        raise ConfigError("prompts optimise: Optuna is not installed", "install the extra 'optuna'") from why
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
