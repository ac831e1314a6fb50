"""Claims g and h: a language model in the place of personas and calibration. They need one that runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.llm.weights import PACKAGED
from agent.rerank.calibrated import Calibrated, CalibratedConfig
from agent.rerank.topk import TopK
from eval.claims.asked import LAM, SHOWN, Table, Values, make_table
from eval.claims.candidates import K
from eval.claims.finding import Chart, Condition, Finding, estimate, line, mean, number
from eval.claims.ground import Ground
from eval.claims.protocol import Statement
from eval.retrieve_models import MODELS
from retrieval.baselines.protocol import Progress

KEPT, WORSE = 0.98, 1.1
PLAIN, EXEMPLARS, NOTHING = "rerank-shares", "rerank-tastes-exemplars", "rerank-tastes-none"


def called(model: str) -> str:
    """What a claim calls the model it is about: nothing that one model does not do is impossible to another.

    Args:
        model: NAME@URL, or empty for the packaged one.
    """
    name = model.partition("@")[0]
    return "the packaged 135M model (SmolLM2-135M-Instruct)" if name in {"", PACKAGED} else name


def replaces_both(model: str) -> Statement:
    """Claim g about a model."""
    return Statement(
        letter="g",
        slug="llm-replaces-both",
        claim=f"As reranker {called(model)} replaces both personas and calibration.",
        prediction=(
            f"The model's order of {SHOWN} candidates of one vector, asked for the user's proportions in the prompt, has at least {KEPT:.0%} of "
            f"the nDCG@{K} and at most {WORSE:.0%} of the C_KL@{K} of personas with the calibrated reranker at lambda {LAM:g}."
        ),
        control="The model must rank the same candidates better than a random order does.",
        asks_model=True,
    )


def exemplars_suffice(model: str) -> Statement:
    """Claim h about a model."""
    return Statement(
        letter="h",
        slug="exemplars-replace-personas",
        claim=f"Persona exemplars in the prompt of {called(model)} replace learned personas.",
        prediction=(
            f"The model's order of {SHOWN} candidates of one vector, shown titles of each taste, has at least {KEPT:.0%} of the nDCG@{K} and at "
            f"most {WORSE:.0%} of the taste distribution distance of the top {K} of learned personas."
        ),
        control="With the exemplars the model must rank better than with nothing about the user's tastes in the prompt.",
        asks_model=True,
    )


def conditions_both(model: Values, ours: Values, chance: Values) -> list[Condition]:
    """What has to hold of claim g."""
    return [
        Condition(
            says=f"nDCG@{K} of the model minus {KEPT:.0%} of that of personas, calibrated, above 0",
            estimate=estimate(model["ndcg"], KEPT * ours["ndcg"]), expects="above",
        ),
        Condition(
            says=f"C_KL@{K} of the model minus {WORSE:.0%} of that of personas, calibrated, below 0",
            estimate=estimate(model["c_kl"], WORSE * ours["c_kl"]), expects="below",
        ),
        Condition(
            says=f"control: nDCG@{K} of the model minus that of a random order of the same candidates, above 0",
            estimate=estimate(model["ndcg"], chance["ndcg"]), expects="above", control=True,
        ),
    ]  # fmt: skip


def conditions_exemplars(model: Values, ours: Values, untold: Values) -> list[Condition]:
    """What has to hold of claim h."""
    return [
        Condition(
            says=f"nDCG@{K} of the model with exemplars minus {KEPT:.0%} of that of personas, above 0",
            estimate=estimate(model["ndcg"], KEPT * ours["ndcg"]), expects="above",
        ),
        Condition(
            says=f"taste distribution distance of the model minus {WORSE:.0%} of that of personas, below 0",
            estimate=estimate(model["tdd"], WORSE * ours["tdd"]), expects="below",
        ),
        Condition(
            says=f"control: nDCG@{K} of the model with exemplars minus without, above 0",
            estimate=estimate(model["ndcg"], untold["ndcg"]), expects="above", control=True,
        ),
    ]  # fmt: skip


class ModelReplacesBoth:
    """Claim g.

    Args:
        model: NAME@URL of a server, NAME of the embedded one, or empty: not run.
    """

    def __init__(self, model: str = "") -> None:
        self.statement, self._model = replaces_both(model), model

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """The model on one vector's candidates, against personas with calibration."""
        if not self._model:
            return _not_run(self.statement, ground)
        with TemporaryDirectory() as scratch:
            table = make_table(ground, (PLAIN,), self._model, seeds[0], Path(scratch), progress)
            model, chance = table.model(PLAIN, self._model, progress), table.chance(seeds[0])
            lists = {
                f"{MODELS['one-vector'].title}, language model": model,
                f"{MODELS['one-vector'].title}, the same in random order": chance,
                f"{MODELS['one-vector'].title}, calibrated": table.reranked(
                    table.single, Calibrated(CalibratedConfig(lam=LAM))
                ),
                f"{MODELS['personas'].title}, calibrated": table.reranked(
                    table.personas, Calibrated(CalibratedConfig(lam=LAM))
                ),
            }
            held = conditions_both(model, list(lists.values())[-1], chance)
            return _finding(self.statement, ground, table, lists, held, self._model, (PLAIN,))


class ExemplarsSuffice:
    """Claim h; see :class:`ModelReplacesBoth`."""

    def __init__(self, model: str = "") -> None:
        self.statement, self._model = exemplars_suffice(model), model

    def run(self, ground: Ground, seeds: Sequence[int], progress: Progress) -> Finding:
        """The model with exemplars and without, against the lists of learned personas."""
        if not self._model:
            return _not_run(self.statement, ground)
        with TemporaryDirectory() as scratch:
            table = make_table(ground, (EXEMPLARS, NOTHING), self._model, seeds[0], Path(scratch), progress)
            told, untold = (table.model(prompt, self._model, progress) for prompt in (EXEMPLARS, NOTHING))
            lists = {
                f"{MODELS['one-vector'].title}, model with exemplars": told,
                f"{MODELS['one-vector'].title}, model without": untold,
                f"{MODELS['one-vector'].title}, the same in random order": table.chance(seeds[0]),
                f"{MODELS['one-vector'].title}, top {K}": table.reranked(table.single, TopK()),
                f"{MODELS['personas'].title}, top {K}": table.reranked(table.personas, TopK()),
            }
            held = conditions_exemplars(told, list(lists.values())[-1], untold)
            return _finding(self.statement, ground, table, lists, held, self._model, (EXEMPLARS, NOTHING))


def _finding(
    statement: Statement, ground: Ground, table: Table, lists: dict[str, Values], held: list[Condition], model: str,
    prompts: tuple[str, ...],
) -> Finding:  # fmt: skip
    first = next(iter(lists.values()))
    rows = [
        (
            name, number(mean(v["ndcg"])), "" if v is first else str(estimate(v["ndcg"], first["ndcg"])), number(mean(v["c_kl"])),
            number(mean(v["tdd"])),
        )
        for name, v in lists.items()
    ]  # fmt: skip
    return statement.finding(
        ground,
        users=len(table.rows),
        protocol=f"{len(table.rows)} of {len(table.ground.user_ids):,} test users of one strong split, a call each; shortlists of {SHOWN}",
        conditions=tuple(held),
        columns=("list", f"nDCG@{K}", "minus the model [95 %]", f"C_KL@{K}", "TDD"),
        rows=tuple(rows),
        remarks=(
            f"what {called(model)} does not do, another may: the claim is about this one",
            f"model {model.partition('@')[0]}; calls that an earlier run kept are not made again, nor counted in the time",
            f"the {SHOWN} candidates are calibrated at lambda {LAM:g} before the model sees them: compare the random order",
            *(table.failures(prompt, model) for prompt in prompts),
        ),
        chart=Chart(
            across="", up=f"nDCG@{K}", kind="bars",
            ticks=tuple(name.removeprefix(f"{MODELS['one-vector'].title}, ") for name in lists),
            lines=(line("nDCG", range(len(lists)), [estimate(v["ndcg"]) for v in lists.values()]),),
        ),
    )  # fmt: skip


def _not_run(statement: Statement, ground: Ground) -> Finding:
    return statement.finding(
        ground, users=0, remarks=("no model: give --llm-url and --llm-model, or polytaste llm up",)
    )
