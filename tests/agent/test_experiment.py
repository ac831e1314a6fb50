"""Prompts side by side: who gets which, what takes an arm out, and the file that says so."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.experiment import Arm, Experiment, Experiments, Guards, arms_of
from agent.guard import Guard
from agent.llm.endpoint import Endpoint
from agent.llm.failures import Reason
from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.llm import Ranked
from prompts.template import load
from retrieval.errors import ConfigError, DataError, NotFoundError
from tests.agent.faults import faulty_server

TEXT = load("rerank-shares").text


def experiment(name="e", shares=(1.0, 1.0), **guards):
    arms = tuple(Arm(name=f"arm{i}", text=TEXT, share=s) for i, s in enumerate(shares))
    return Experiment(name=name, arms=arms, guards=Guards(**guards))


def test_people_stay_and_shares_are_kept():
    one = experiment(shares=(3.0, 1.0))
    arms = [one.arm_of(f"user {i}") for i in range(4000)]
    assert arms == [one.arm_of(f"user {i}") for i in range(4000)]
    assert Counter(arms)[1] / 4000 == pytest.approx(0.25, abs=0.03)
    other = experiment(name="f", shares=(3.0, 1.0))
    both = sum(a == 1 == other.arm_of(f"user {i}") for i, a in enumerate(arms)) / 4000
    assert both == pytest.approx(1 / 16, abs=0.02)  # another experiment deals anew
    assert one.arm_of(None) == 0


@given(st.text(), st.lists(st.floats(0.01, 10.0), min_size=1, max_size=5))
def test_everybody_has_an_arm(person, shares):
    assert 0 <= experiment(shares=tuple(shares)).arm_of(person) < len(shares)


def test_the_file_keeps_promotes_and_goes_back(tmp_path):
    kept = Experiments(tmp_path / "deep" / "experiments.json")
    assert kept.now() is None
    assert kept.stamp() is None
    with pytest.raises(NotFoundError):
        kept.roll_back()
    with pytest.raises(NotFoundError) as nothing:
        kept.promote("arm1")
    assert "none is served" in nothing.value.remedy
    kept.start(experiment())
    first = kept.stamp()
    with pytest.raises(NotFoundError) as unknown:
        kept.promote("arm7")
    assert "arm0, arm1" in unknown.value.remedy
    kept.promote("arm1")
    assert kept.stamp() != first
    assert [a.name for a in kept.now().arms] == ["arm1"]
    assert kept.roll_back() == experiment() == kept.now()
    assert kept.roll_back() is None
    assert kept.now() is None
    kept.file.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        kept.now()


def test_a_name_that_was_taken_back_is_not_free(tmp_path):
    kept = Experiments(tmp_path / "experiments.json")
    kept.start(experiment())
    assert kept.used("e")
    kept.roll_back()
    assert kept.now() is None
    assert kept.used("e")
    assert not kept.used("f")


def test_what_one_process_takes_out_another_that_runs_takes_out(model, tmp_path):
    file = tmp_path / "experiments.json"
    running = Experiment(
        name="e", arms=(Arm(name="good", text=TEXT, share=1.0), Arm(name="other", text=TEXT + "\n", share=1.0))
    )
    Experiments(file).start(running)
    mine = next(w for w in map(str, range(100)) if running.arm_of(w) == 1)
    with faulty_server("ok") as (url, _):
        recommender = served(model, url, file)
        before = recommender.recommend(like=["Alien"], who=mine, deadline_ms=20_000)
        Experiments(file).take_out("e", "other", "it is slow")
        after = recommender.recommend(like=["Alien"], who=mine, deadline_ms=20_000)
    assert (before.prompt_hash, after.prompt_hash) == (
        running.arms[1].prompt().version,
        running.arms[0].prompt().version,
    )
    assert after.arm == "other"


def test_arms_are_checked_before_they_are_served(tmp_path):
    with pytest.raises(ConfigError, match="no prompt"):
        arms_of(["rerank-shares", "none-such"], None)
    with pytest.raises(ConfigError, match="shares"):
        arms_of(["rerank-shares"], [1.0, 2.0])
    file = tmp_path / "mine.j2"
    file.write_text(TEXT)
    (arm,) = arms_of([str(file)], None)
    file.write_text("gone")
    assert arm.name == "mine"
    assert arm.prompt().version == load("rerank-shares").version


def outcome(ms=None, reason=None):
    return Ranked(None, "llm" if ms else "calibrated", reason=reason, ms=ms)


@pytest.mark.parametrize(
    ("mine", "first", "out"),
    [
        ([outcome(10.0)] * 20, [outcome(10.0)] * 20, ""),
        ([outcome(reason=Reason.LOW_LABEL_MASS)] * 20, [outcome(10.0)] * 20, "100% of its answers"),
        ([outcome(reason=Reason.LOW_LABEL_MASS)] * 19, [outcome(10.0)] * 20, ""),  # not enough yet
        ([outcome(reason=Reason.LOW_LABEL_MASS)] * 20, [outcome(10.0)] * 19, ""),  # nor of the first arm
        ([outcome(reason=Reason.UNUSABLE_PROMPT)] * 20, [outcome(10.0)] * 20, "100% of its answers"),
        ([outcome(reason=Reason.TIMEOUT)] * 20, [outcome(reason=Reason.TIMEOUT)] * 20, ""),  # the server's bad hour
        ([outcome(reason=Reason.UNREACHABLE)] * 20, [outcome(10.0)] * 20, ""),  # says nothing of the prompt
        ([outcome(90.0)] * 20, [outcome(10.0)] * 20, "median is 90 ms"),
    ],
)
def test_guard_rails(mine, first, out):
    guards = Guards(least=20)
    arm, control = Guard(guards), Guard(guards)
    for one in mine:
        arm.ranked(one)
    for one in first:
        control.ranked(one)
    assert arm.judge(control).startswith(out) if not out else out in arm.judge(control)
    assert bool(arm.judge(control)) is bool(out)


def test_a_rate_that_may_be_chance_takes_nobody_out():
    """10 of 24 against 3 of 16: 23 points apart, z 1.5."""
    arm, control = Guard(Guards(least=12)), Guard(Guards(least=12))
    for n in range(24):
        arm.heard(f"a{n}", disliked=n < 10)
    for n in range(16):
        control.heard(f"c{n}", disliked=n < 3)
    assert not arm.judge(control)
    for n in range(24, 120):  # the same rates of five times as many
        arm.heard(f"a{n}", disliked=n < 64)
    for n in range(16, 80):
        control.heard(f"c{n}", disliked=n < 28)
    assert "the last word of 42% of its people is a dislike" in arm.judge(control)


def test_the_temper_of_one_person_is_one_word():
    arm, control = Guard(Guards(least=10)), Guard(Guards(least=10))
    for n in range(10):
        arm.heard(f"a{n}", disliked=False)
        control.heard(f"c{n}", disliked=False)
    for _ in range(300):
        arm.heard("a3", disliked=True)
    assert not arm.judge(control)


def test_an_arm_that_people_dislike_is_taken_out_and_stays_out():
    guards = Guards(least=10)
    arm, control = Guard(guards), Guard(guards)
    for n in range(10):
        arm.heard(f"a{n}", disliked=True)
        control.heard(f"c{n}", disliked=n % 5 == 0)
    assert "dislike" in arm.judge(control)
    for n in range(400):
        arm.heard(f"a{n}", disliked=False)
    assert arm.judge(control)


def served(model, url, file):
    config = RecommenderConfig.model_validate({"llm": {"weight": 0.3, "kept_answers": 0}})
    return Recommender(model, Endpoint(url=url, model="m"), config, experiments=Experiments(file))


def test_a_broken_prompt_is_caught_and_its_people_get_the_first_arm(model, tmp_path):
    file = tmp_path / "experiments.json"
    broken = Arm(name="broken", text=TEXT.replace("You are a recommender.", "LOW MASS."), share=1.0)
    good = Arm(name="good", text=TEXT, share=1.0)
    running = Experiment(name="e", arms=(good, broken), guards=Guards(least=5))
    with faulty_server("low mass where told") as (url, payloads):
        recommender = served(model, url, file)
        assert recommender.recommend(user="1", deadline_ms=20_000).arm is None
        Experiments(file).start(running)  # taken up by what is running
        mine = next(w for w in map(str, range(100)) if running.arm_of(w) == 1)
        other = next(w for w in map(str, range(100)) if running.arm_of(w) == 0)
        for _ in range(5):
            recommender.recommend(like=["Alien"], who=other, deadline_ms=20_000)
        arms = [recommender.recommend(like=["Alien"], who=mine, deadline_ms=20_000) for _ in range(7)]
        assert {s.arm for s in arms} == {"broken"}  # as dealt: what they are shown now is a consequence of their arm
        assert [s.ranker_used for s in arms] == ["calibrated"] * 5 + ["llm"] * 2
        assert {s.experiment for s in arms} == {"e"}
        assert arms[4].prompt_hash != arms[5].prompt_hash
        assert arms[-1].prompt_hash == good.prompt().version
        (gone,) = Experiments(file).taken_out("e").values()
        assert (gone.arm, Experiments(file).taken_out("other")) == ("broken", {})
        assert "cannot be used" in gone.why
        rails = file.with_name("experiments-taken-out.jsonl")
        rails.write_bytes(rails.read_bytes() + b'{"experiment": "e", \xff')  # torn
        later = served(model, url, file).recommend(like=["Alien"], who=mine, deadline_ms=20_000)
        assert (later.arm, later.prompt_hash) == ("broken", good.prompt().version)  # a process that begins later knows
        with pytest.raises(ConfigError, match="a guard rail took broken out"):
            Experiments(file).promote("broken")
        assert Experiments(file).promote("broken", anyway=True).arms[0].name == "broken"
        Experiments(file).roll_back()
        Experiments(file).promote("good")
        promoted = recommender.recommend(user="1", deadline_ms=20_000)
        assert (promoted.experiment, promoted.arm) == ("e, promoted", "good")  # no outcome of the experiment
        file.write_text("{")  # damaged: the configured prompt is served
        slate = recommender.recommend(user="1", deadline_ms=20_000)
        assert (slate.arm, slate.ranker_used) == (None, "llm")
    assert "LOW MASS" not in str(payloads[-1])


def test_a_prompt_that_fails_for_somebody_costs_them_no_list(model, tmp_path):
    file = tmp_path / "mine.j2"
    file.write_text(TEXT.replace("The request:", "{{ personas[0].words }} The request:"))
    with faulty_server("good") as (url, payloads):
        recommender = Recommender(
            model,
            Endpoint(url=url, model="m"),
            RecommenderConfig.model_validate({"prompt": str(file), "llm": {"weight": 0.3}}),
        )
        slate = recommender.recommend("comedies", deadline_ms=20_000)  # of somebody without tastes
    assert len(slate.items) == 10
    assert (slate.ranker_used, slate.degraded_reason) == ("calibrated", "llm_unusable_prompt")
    assert not payloads
