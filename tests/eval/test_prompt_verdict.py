"""What a comparison says in sentences, by hand-made comparisons."""

from dataclasses import dataclass

import numpy as np
import pytest

from eval.prompt_compare import TESTED, CompareConfig
from eval.prompt_sequential import Judged
from eval.prompt_verdict import verdicts
from eval.significance import permutation_p


@dataclass
class Made:
    """A comparison with values and p-values as given."""

    tables: dict
    p: dict

    def __post_init__(self):
        self.config = CompareConfig(prompts=("base", "other"))
        self.prompts = self.config.prompts
        self.people = [None] * self.tables["ndcg"].shape[1]
        self.judged = Judged((200,), np.zeros((1, 3)), np.array([self.p.get(m, 1.0) for m in TESTED]), 2.0)

    def values(self, metric):
        return self.tables[metric]

    def p_of(self, _prompt, metric):
        return self.p.get(metric, 1.0)


def made(p, **shift):
    draw = np.random.default_rng(0)
    base = draw.random(200)
    other = base + draw.normal(0, 0.1, 200)
    other -= (other - base).mean()
    tables = {m: np.array([base, other + shift.get(m, 0.0)]) for m in TESTED}
    return Made(
        tables | {"mass": np.array([[0.7] * 200, [0.7 + shift.get("mass", 0.0)] * 200]), "valid": np.ones((2, 200))}, p
    )


def test_a_gain_and_a_loss_are_told_apart_and_a_smaller_divergence_is_better():
    (said,) = verdicts(made({"ndcg": 0.01, "kl": 0.03}, ndcg=0.02, kl=0.05))
    alone, slate = said.split("; ")
    assert alone == "other is better in NDCG, model alone (+0.020), and worse in C_KL, model alone (+0.050) than base"
    assert slate == "what users get, the slate, shows no difference in NDCG beyond doubt"
    assert verdicts(made({"kl": 0.01, "slate_ndcg": 0.04}, kl=-0.05, slate_ndcg=-0.01)) == [
        "other is better in C_KL, model alone (-0.050), and worse in NDCG, slate (-0.010) than base"
    ]


def test_a_null_says_what_would_have_been_seen():
    (said,) = verdicts(made({}))
    smallest = float(said.split("one of ")[1].split()[0])
    assert said.startswith("no difference between other and base beyond doubt in 200 users")
    assert smallest == pytest.approx(
        (2.394 + 0.842) * 0.1 / np.sqrt(200), rel=0.15
    )  # z of .05 / 3, two-sided, and of .8
    draw = np.random.default_rng(1)
    seen = [permutation_p(draw.normal(smallest, 0.1, 200), np.zeros(1), draws=999)[0] < 0.05 / 3 for _ in range(300)]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.08)


def test_prompts_that_are_the_same_have_no_smallest_difference():
    found = made({})
    found.tables = {m: np.stack([t[0], t[0]]) for m, t in found.tables.items()}
    assert verdicts(found) == ["no difference between other and base beyond doubt in 200 users"]


def test_a_question_that_is_hardly_understood_is_told():
    assert verdicts(made({}, mass=-0.3))[0].startswith(
        "other is hardly understood: the model puts 40% of its probability"
    )
    assert len(verdicts(made({}, mass=-0.1))) == 1


def test_a_prompt_that_fails_is_not_praised_for_what_people_got_instead():
    found = made({"ndcg": 0.001, "kl": 0.001}, ndcg=0.1, kl=-0.2)
    found.tables["valid"] = np.array([np.ones(200), np.r_[np.zeros(100), np.ones(100)]])
    (said,) = verdicts(found)
    assert said.startswith("other could not be used for 50% of the users, base for 0%")
    assert "better" not in said
