"""Tuning: the loss by hand, whom examples are made of, one pass over shared prompts, resuming, merging, the commands."""

import json
import math

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from agent.llm.in_process import InProcessScorer, prompt_tokens
from agent.llm.labels import LETTERS
from agent.llm.loop import run as run_async
from agent.llm.scorer import standardised
from agent.llm.weights import PACKAGED, checkpoint
from eval.tune import loop, losses
from eval.tune.cli import app as tune_app
from eval.tune.config import KINDS, TuneConfig
from eval.tune.examples import _example, drawn, fixed
from eval.tune.ground import make_ground
from eval.tune.measure import measure
from eval.tune.network import Network
from eval.tune.run import run
from eval.tune.state import State, begin, go_on_with
from eval.tune.wishes import WishMaker
from retrieval import datasets
from retrieval.errors import ConfigError, NotFoundError
from retrieval.schema import Catalog
from tests.eval.tiny_shop import write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def ground(shop):
    return make_ground(datasets.load(str(shop)), lambda *_: None)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A Llama of two thin layers with random weights and the packaged model's own tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("small") / "model"
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(PACKAGED))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=4096, tie_word_embeddings=True, initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def settings(small, **more):
    return TuneConfig.model_validate(
        {"model": str(small), "tokens": 6000, "rank": 4, "accumulate": 2, "checks": 2, "save_every": 2, "users": 4} | more
    )  # fmt: skip


def scores_of(network, example):
    with torch.inference_mode():
        return network.scores(network.encoder(example.prompts), len(example.items))


def test_losses_by_hand():
    scores, liked = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([True, False, True])
    whole = math.log(math.e + math.e**2 + 1)
    assert losses.list_softmax(scores, liked).item() == pytest.approx(whole - 0.5)
    teacher = torch.tensor([0.0, 5.0, 1.0])
    # The liked first, the teacher's favourite of them before the other: places 2, 0, 1.
    wanted = ((whole - 0.0) + (math.log(math.e + math.e**2) - 1.0)) / 2
    assert losses.listmle(scores, liked, teacher).item() == pytest.approx(wanted)
    assert losses.divergence(scores, 2 * scores, 2.0).item() == pytest.approx(0.0, abs=1e-6)
    even = torch.zeros(2)
    told = losses.divergence(torch.tensor([math.log(3.0), 0.0]), even, 1.0).item()
    assert told == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    half = losses.total(
        scores, torch.tensor(math.log(0.5)), liked, teacher, loss="softmax", distil=0.25, temperature=1.0
    ).item()
    assert half == pytest.approx(
        0.75 * (whole - 0.5) + 0.25 * losses.divergence(scores, teacher, 1.0).item() + losses.MASS * math.log(2)
    )


def test_the_rate_rises_and_falls():
    config = TuneConfig(tokens=1000, warmup=0.1, learning_rate=1.0)
    assert [round(loop.rate(config, t), 3) for t in (0, 50, 100, 550, 1000, 2000)] == [0, 0.5, 1, 0.5, 0, 0]


def test_nobody_who_is_measured_is_learned_from(ground):
    kept, choosing = set(ground.report.fold.held.users), set(ground.choice.fold.held.users)
    assert kept
    assert choosing
    assert not kept & choosing
    for part in ground.train:
        mine = set(part.fold.held.users)
        assert not mine & (kept | choosing)
        learned = part.fold.train.lengths
        assert not learned[sorted(kept | mine)].any()
        rows = part.model.histories
        assert not rows.lengths[sorted(kept | mine)].any()
    assert not ground.choice.fold.train.lengths[sorted(kept | choosing)].any()


def test_examples_ask_for_what_is_hidden_and_show_what_is_not(ground):
    asked = ground.asked_by("rerank-shares")
    seen = []
    for number in range(24):
        example = drawn(asked.train, "label", 0, number)
        seen.append(example.kind)
        n = len(example.items)
        assert 0 < example.liked.sum() < n
        assert len(set(example.items.tolist())) == n
        text = example.prompts[0][1].content
        shown = [line for line in text.split("Candidates:\n")[1].splitlines() if line[1:3] == ". "]
        titles = asked.train[0].model.catalog.titles
        assert [line[3:].split(" [")[0] for line in shown] == [titles[i] for i in example.items]
        assert [line[0] for line in shown] == list(LETTERS[:n])
        for line in text.split("Candidates:")[0].splitlines():
            if " such as " in line:
                told = set(line.split(" such as ")[1].split("; "))
                assert not told & {titles[i] for i in example.items[example.liked]}
        assert ("The request:" in text) == (example.kind == "words")
    assert set(seen) == set(KINDS)
    first, again = (drawn(asked.train, "label", 3, 7) for _ in range(2))
    assert (first.items == again.items).all()
    assert first.prompts == again.prompts


def test_places_say_nothing_in_training(ground):
    asked = ground.asked_by("rerank-shares")
    places = [
        np.flatnonzero(e.liked).mean() / len(e.items) for e in (drawn(asked.train, "label", 1, i) for i in range(60))
    ]
    assert np.mean(places) == pytest.approx(0.5, abs=0.1)


def test_cold_examples_hold_cold_items_that_were_not_liked(ground):
    part = ground.asked_by("rerank-shares").report
    cold = [e for e in fixed(part, "label", 8, 0) if e.kind == "cold"]
    assert cold
    for example in cold:
        rare = part.wishes.cold[example.items]
        assert (rare & example.liked).any()
    assert any((part.wishes.cold[e.items] & ~e.liked).any() for e in cold)


def test_words_come_from_any_column():
    table = pl.DataFrame({
        "item_id": list("abcdef"), "title": list("abcdef"), "categories": [[]] * 6, "year": [None] * 6, "count": [3] * 6,
        "grown_in": ["Rioja", "Rioja", "Rioja", "Douro", "Douro", None], "code": list("uvwxyz"),
    }, schema_overrides={"categories": pl.List(pl.String), "year": pl.Int64})  # fmt: skip
    maker = WishMaker(Catalog(table))
    wish = maker.make("words", np.array([3], np.int32), np.array([0, 1, 4], np.int32), np.random.default_rng(0))
    assert wish.words == "something, grown in Rioja"
    assert wish.truth.tolist() == [0, 1]
    assert maker.make("words", np.array([3], np.int32), np.array([4, 5], np.int32), np.random.default_rng(0)) is None


def test_one_pass_over_shared_prompts_says_what_each_prompt_alone_says(ground, small):
    network = Network.load(settings(small, objective="yes-no"))
    example = next(fixed(ground.asked_by("rerank-pointwise").choice, "yes-no", 4, 0))
    together, mass = scores_of(network, example)
    alone = []
    with torch.inference_mode():
        for messages in example.prompts:
            ids = prompt_tokens(network.tokenizer, messages)
            logits = network.adapted(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            alone.append(logits[network.encoder.answers])
    alone = torch.stack(alone)
    assert len(together) == len(example.items)
    torch.testing.assert_close(together, alone[:, 0] - alone[:, 1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(mass, alone.logsumexp(-1).mean(), rtol=1e-4, atol=1e-4)


def test_labels_are_scored_as_production_scores_them(ground, small):
    network = Network.load(settings(small))
    example = next(fixed(ground.asked_by("rerank-shares").choice, "label", 4, 0))
    scores, mass = scores_of(network, example)
    said = run_async(InProcessScorer(str(small)).score(example.prompts[0], len(example.items), 60.0))
    np.testing.assert_allclose(scores.numpy(), said.logprobs, rtol=1e-4, atol=1e-4)
    assert mass.exp().item() == pytest.approx(said.mass, rel=1e-3)


@pytest.mark.parametrize("objective", ["label", "yes-no"])
def test_a_broken_off_run_ends_as_one_that_was_not(ground, small, tmp_path, objective):
    config = settings(small, objective=objective, tokens=8000)
    asked = ground.asked_by(config.prompt_name)
    validation = list(fixed(asked.choice, objective, 2, 0))

    def go(folder, stop_at):
        steps = 0

        def told(stage, *_):
            nonlocal steps
            steps += stage.startswith("step")
            if steps == stop_at:
                raise KeyboardInterrupt

        state = begin(folder, config, "data", "prompt")
        return loop.tune(
            Network.load(config), config, lambda i: drawn(asked.train, objective, 0, i), validation, folder, state, told
        )

    whole = go(tmp_path / "whole", -1)
    for stop_at in (1, 3, 2):
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "broken", stop_at)
    again = go(tmp_path / "broken", -1)
    assert again.step == whole.step > 4
    assert again.tokens == whole.tokens >= config.tokens
    assert len(again.curve) == len(whole.curve)
    for one, two in zip(again.curve, whole.curve, strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-6)
    for name, value in whole.learned.items():
        torch.testing.assert_close(again.learned[name], value, rtol=1e-4, atol=1e-6)
    go_on_with(again, validation)
    go_on_with(again, validation)
    with pytest.raises(ConfigError, match="no longer"):
        go_on_with(again, validation[1:])
    with pytest.raises(ConfigError, match="other settings"):
        begin(tmp_path / "broken", config.model_copy(update={"seed": 5}), "data", "prompt")


def test_what_is_learned_is_learned(ground, small):
    """The same requests again and again: their loss falls."""
    config = settings(small, learning_rate=0.02, tokens=10**9, distil=0.0, beside=False)
    asked = ground.asked_by(config.prompt_name)
    few = [drawn(asked.train, "label", 0, i) for i in range(4)]
    network, state = Network.load(config), State()
    optimiser = torch.optim.AdamW(network.learned())
    config = config.model_copy(update={"warmup": 0.0})
    for _ in range(30):
        loop._step(network, config, lambda i: few[i % 4], optimiser, state)
    told = [row["loss"] for row in state.curve]
    assert np.mean(told[-2:]) < np.mean(told[:2]) - 0.5
    found = measure(network, few, lambda _: None)
    assert found.model.mean() > 0.7


def test_beside_the_retriever_the_loss_is_of_the_sum(ground, small):
    config = settings(small, accumulate=1, distil=0.0, tokens=10**9)
    asked = ground.asked_by(config.prompt_name)
    one = drawn(asked.train, "label", 0, 0)
    for beside in (True, False):
        network, state = Network.load(config), State()
        scores, mass = scores_of(network, one)
        told = torch.from_numpy(standardised(scores.numpy()) + one.retrieved) if beside else scores
        expected = losses.list_softmax(told, torch.from_numpy(one.liked)) - losses.MASS * mass
        now = config.model_copy(update={"beside": beside})
        loop._step(network, now, lambda _: one, torch.optim.AdamW(network.learned()), state)
        assert state.curve[0]["loss"] == pytest.approx(float(expected), abs=1e-4)


def test_together_is_the_fusion_that_is_served_and_passes_gradients():
    scores = torch.tensor([3.0, 1.0, -1.0, 5.0], requires_grad=True)
    retrieved = torch.tensor([0.0, 1.0, -1.0, 0.0])
    found = losses.together(scores, retrieved)
    torch.testing.assert_close(found.detach(), torch.from_numpy(standardised(scores.detach().numpy())) + retrieved)
    found[0].backward()
    assert scores.grad is not None and scores.grad.abs().sum() > 0
    for nearly in (torch.zeros(4), torch.tensor([0.0, 1e-5, 0.0, -1e-5])):
        found = losses.together(nearly, retrieved)
        torch.testing.assert_close(found, torch.from_numpy(standardised(nearly.numpy())) + retrieved)


def test_what_was_learned_chooses(ground, small, tmp_path):
    for beside in (True, False):
        config = settings(small, tokens=3000, beside=beside, learning_rate=0.02)
        folder = tmp_path / str(beside)
        result = run(ground, config, "data", folder, lambda *_: None)
        checks = [
            row for line in (folder / "curve.jsonl").read_text().splitlines() if "both" in (row := json.loads(line))
        ]
        assert result.chosen == max(row["both" if beside else "model"] for row in checks)


def test_shortlists_are_learned_from_as_production_shows_them(ground):
    """What is liked is not brought in from further down the pool: the retriever would then be wrong more often than it is."""
    part, alike = ground.asked_by("rerank-shares").train[0], 0
    for user in range(len(part.fold.held.users)):
        shown, hidden = part.fold.held.fold_in.row(user), part.fold.held.hidden.row(user)
        wish = part.wishes.make("none", shown, hidden, np.random.default_rng(0))
        if wish is None:
            continue
        learned, served = (
            _example(part, wish, "label", np.random.default_rng(0), training=training) for training in (True, False)
        )
        assert (learned is None) == (served is None)
        if learned is not None and served is not None:
            alike += 1
            assert set(learned.items) == set(served.items)
            assert dict(zip(learned.items, learned.liked, strict=True)) == dict(
                zip(served.items, served.liked, strict=True)
            )
    assert alike > 3


def test_merged_is_adapted(ground, small, tmp_path):
    from transformers import AutoModelForCausalLM

    network = Network.load(settings(small))
    draw = torch.Generator().manual_seed(1)
    state = {name: torch.randn(p.shape, generator=draw) * 0.1 for name, p in network.state().items()}
    ids = torch.arange(5, 60)[None]
    with torch.inference_mode():
        plain = network.adapted(input_ids=ids).logits
        network.restore(state)
        tuned = network.adapted(input_ids=ids).logits
        with network.untuned():
            torch.testing.assert_close(network.adapted(input_ids=ids).logits, plain)
    assert (tuned - plain).abs().max() > 0.1
    network.save_merged(tmp_path / "merged")
    with torch.inference_mode():
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(input_ids=ids).logits
    torch.testing.assert_close(merged, tuned, rtol=1e-3, atol=1e-3)


def test_a_run_reports_once_and_is_then_only_read(ground, small, tmp_path):
    config = settings(small, tokens=3000)
    first = run(ground, config, "data", tmp_path, lambda *_: None)
    assert set(first.after.kinds) == set(KINDS)
    stages = []
    again = run(ground, config, "data", tmp_path, lambda *a: stages.append(a))
    assert not stages
    assert (again.after.model == first.after.model).all()
    assert again.facts == first.facts
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


def test_a_prompt_for_another_answer_is_refused(ground, small, tmp_path):
    config = settings(small, objective="yes-no", prompt="rerank-shares")
    with pytest.raises(ConfigError, match="rerank-shares"):
        run(ground, config, "data", tmp_path, lambda *_: None)


def test_the_commands(shop, small, tmp_path):
    runner, place = CliRunner(), tmp_path / "runs"
    args = [
        "run", "--out", str(place), "--data", str(shop), "--llm-model", str(small), "--objective", "both", "--seeds", "2",
        "--tokens", "3000", "--rank", "4", "--checks", "1", "--users", "4", "--json",
    ]  # fmt: skip
    told = runner.invoke(tune_app, args)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert set(found) == {"label", "yes-no", "label - yes-no"}
    apart = found["label - yes-no"]
    means = [np.mean(found[objective]["by_seed"]) for objective in ("label", "yes-no")]
    assert apart["mean"] == pytest.approx(means[0] - means[1])
    assert apart["low"] <= apart["mean"] <= apart["high"]
    assert found["label"]["seeds"] == [0, 1]
    assert found["label"]["gains"][-1]["kind"] == "all"
    one = place / "label-1"
    text = (one / "card.md").read_text()
    assert "three fifths" in text
    assert "seed 1" in text
    assert (place / "curve.png").stat().st_size > 5000
    merged = tmp_path / "merged"
    assert runner.invoke(tune_app, ["merge", str(one), "--out", str(merged)]).exit_code == 0
    assert (merged / "config.json").is_file()
    assert (merged / "card.md").is_file()
    assert isinstance(runner.invoke(tune_app, ["merge", str(one), "--out", str(merged)]).exception, ConfigError)
    (place / "label-0" / "card.md").unlink()
    for wrong in (tmp_path, place / "label-0"):
        told = runner.invoke(tune_app, ["merge", str(wrong), "--out", str(tmp_path / "x")])
        assert isinstance(told.exception, NotFoundError)
