"""Training in parts, over processes, in half precision and with a sampled denominator is the training that it stands for."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from retrieval.errors import ConfigError
from retrieval.personas.batches import NEVER, draw, users_at_once
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.initial import initial_tables
from retrieval.personas.model import PersonaModule
from retrieval.personas.processes import Processes
from retrieval.personas.sampling import FULL_TO, SAMPLES, Proposal, proposal
from retrieval.personas.step import Step, _weighted_likelihood
from retrieval.personas.training import TrainingConfig, train
from retrieval.schema import Histories

ITEMS = 120
SHAPE = EncoderConfig(dimension=8, theme_dimension=6, personas=3)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """These tables are too small to be shared among threads, which would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def likes(users=60, seed=0):
    """A few groups of users, each with a favourite part of the items, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        odds = np.where(np.arange(ITEMS) // 30 == user % 4, 8.0, 1.0)
        rows.append(rng.choice(ITEMS, int(rng.integers(6, 25)), replace=False, p=odds / odds.sum()))
    return Histories.of(rows)


@pytest.fixture(scope="module")
def ground():
    histories = likes()
    tables = initial_tables(
        histories.matrix(ITEMS).tocsr(), None, dimension=8, theme_dimension=6, category_share=0.0, personas=3,
        ridge=None, groups=2, seed=0,
    )  # fmt: skip
    module = PersonaModule(SHAPE, tables, gain=20.0, alpha=0.5, shrink=3.0)
    with torch.no_grad():  # away from the closed forms, so that the penalty pulls
        for parameter in (module.history_delta, module.items, module.bias, module.themes):
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    drawn = draw(histories, np.arange(40), (0.5, 0.8), np.random.default_rng(2))
    return module, drawn


def gradient(ground, *, at_once=40, precision="fp32", sample=None, penalty=(1e-2, 1e-3)):
    module, drawn = ground
    module.zero_grad()
    optimiser = torch.optim.SGD(module.parameters())
    Step(module, optimiser, Processes(), precision, at_once, 150, penalty).gradient(drawn, module.history_table, sample)
    return torch.cat([p.grad.flatten() for p in module.parameters()])


def test_the_pull_is_the_gradient_of_the_penalty(ground):
    module, _ = ground
    pulled = gradient(ground, penalty=(0.3, 0.7)) - gradient(ground, penalty=(0.0, 0.0))
    module.zero_grad()
    tables = module.history_delta.pow(2).sum() + (module.items - module.initial_items).pow(2).sum()
    themes = (module.themes - module.initial_themes).pow(2).sum()
    (0.3 * (tables + 0.1 * module.bias.pow(2).sum()) + 0.7 * themes).backward()
    by_autograd = [torch.zeros_like(p) if p.grad is None else p.grad for p in module.parameters()]
    torch.testing.assert_close(pulled, torch.cat([g.flatten() for g in by_autograd]), atol=1e-5, rtol=1e-4)
    assert pulled.abs().max() > 0.01


@pytest.mark.parametrize("at_once", [1, 7, 39])
def test_a_step_in_parts_is_the_step(ground, at_once):
    torch.testing.assert_close(gradient(ground, at_once=at_once), gradient(ground), atol=1e-6, rtol=1e-4)


def test_half_precision_is_close(ground):
    whole = gradient(ground)
    assert torch.cosine_similarity(gradient(ground, precision="bf16"), whole, dim=0) > 0.999


def test_all_items_sampled_is_the_full_softmax(ground):
    everything = np.arange(ITEMS), np.zeros(ITEMS, np.float32)
    torch.testing.assert_close(gradient(ground, sample=everything), gradient(ground), atol=1e-6, rtol=1e-4)


def test_the_corrected_likelihood_by_hand():
    """Two users, four items with scores of their own; items 0 and 2 are sampled with probabilities 1/2 and 1/4."""
    histories = Histories(np.array([0, 2, 4]), np.array([0, 1, 2, 3], np.int32), np.ones(4, np.float32))
    drawn = draw(histories, np.arange(2), (0.5, 0.5), np.random.default_rng(0))
    shown, hidden = drawn.items[drawn.within == 0], drawn.items[drawn.within == 1]
    batch = drawn.dense(0, 2, 4, 10, (np.array([0, 2]), -np.log([0.5, 0.25]).astype(np.float32)), torch.device("cpu"))
    columns = batch.columns.numpy()
    np.testing.assert_array_equal(columns, np.union1d([0, 2], hidden))
    scores = np.array([[0.3, -0.2, 0.9, 0.1], [1.2, 0.4, -0.5, 0.7]])
    expected = 0.0
    for user in range(2):
        terms = [np.exp(scores[user, hidden[user]])]
        for item, chance in ((0, 0.5), (2, 0.25)):
            if item not in (shown[user], hidden[user]):
                terms.append(np.exp(scores[user, item]) / chance)
        expected += scores[user, hidden[user]] - np.log(sum(terms))

    def fixed(_items, _weights, _table, at):
        return torch.from_numpy(scores[:, at.numpy()])

    assert _weighted_likelihood(fixed, batch, None).item() == pytest.approx(expected)
    assert set(batch.correction.numpy().tolist()) <= {NEVER, *(-np.log([0.5, 0.25]).astype(np.float32)).tolist()}


def test_sampling_keeps_its_probabilities_and_its_size():
    counts = np.array([1, 1, 2, 4, 8, 1000])
    chances = Proposal(counts, 3).inclusion
    assert chances.sum() == pytest.approx(3)
    assert chances[-1] == 1
    np.testing.assert_allclose(chances[2:5] / chances[0], counts[2:5] ** 0.5)
    rng = np.random.default_rng(0)
    times = np.zeros(6)
    for _ in range(4000):
        items, correction = Proposal(counts, 3).draw(rng)
        np.testing.assert_allclose(correction, -np.log(chances[items]), rtol=1e-6)
        times[items] += 1
    np.testing.assert_allclose(times / 4000, chances, atol=0.04)
    np.testing.assert_array_equal(Proposal(counts, 6).inclusion, 1)


def test_the_corrected_denominator_has_the_full_one_as_its_mean():
    rng = np.random.default_rng(0)
    scores, counts = rng.normal(size=2000), rng.geometric(0.02, 2000)
    full = np.exp(scores).sum()
    error = {}
    for samples in (50, 400, 2000):
        chosen = Proposal(counts, samples)
        found = np.array([np.exp(scores[i] + c).sum() for i, c in (chosen.draw(rng) for _ in range(2000))])
        assert found.mean() == pytest.approx(full, rel=4 * found.std() / full / 2000**0.5 + 1e-6)
        error[samples] = abs(np.log(found / full)).mean()
    assert error[50] > 2 * error[400] > 0
    assert error[2000] < 1e-6


def test_gradients_near_the_full_one_as_samples_grow(ground):
    counts = np.bincount(likes().items, minlength=ITEMS)
    whole = gradient(ground)
    rng = np.random.default_rng(3)
    off = []
    for samples in (10, 40, 110):
        mean = torch.stack([gradient(ground, sample=Proposal(counts, samples).draw(rng)) for _ in range(40)]).mean(0)
        off.append(float((mean - whole).norm() / whole.norm()))
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.05


def test_everything_is_counted_up_to_a_size():
    assert proposal(np.ones(FULL_TO, int), None) is None
    assert proposal(np.ones(FULL_TO + 1, int), None).inclusion.sum() == pytest.approx(SAMPLES)
    assert proposal(np.ones(10, int), 10) is None


def test_parts_follow_memory():
    small, large = (users_at_once(EncoderConfig(), 20_000, 150, gb) for gb in (0.5, 2.0))
    assert 1 < small < large
    assert users_at_once(EncoderConfig(), 10_000_000, 150, 0.01) == 1
    assert users_at_once(EncoderConfig(), FULL_TO, 150, TrainingConfig().memory_gb) >= TrainingConfig().batch


CONFIG = TrainingConfig(encoder=SHAPE, epochs=2, groups=2, batch=15, learning_rate=1e-3)


def test_two_processes_train_what_one_trains(tmp_path):
    (tmp_path / "worker.py").write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from safetensors.numpy import save_file\n"
        "from tests.retrieval.test_training_scale import CONFIG, ITEMS, likes, train\n"
        "for samples in (None, 60):\n"
        "    made = train(likes(), ITEMS, CONFIG.model_copy(update={'samples': samples})).weights.as_dict()\n"
        f"    save_file(made, {str(tmp_path)!r} + f\"/{{os.environ['RANK']}}-{{samples}}\")\n",
        encoding="utf-8",
    )
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        tmp_path / "worker.py",
    ]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(launch, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    start = train(likes(), ITEMS, CONFIG.model_copy(update={"epochs": 0})).weights.as_dict()
    for samples in (None, 60):
        alone = train(likes(), ITEMS, CONFIG.model_copy(update={"samples": samples})).weights.as_dict()
        for rank in "01":
            for name, table in load_file(tmp_path / f"{rank}-{samples}").items():
                moved = np.abs(alone[name] - start[name]).max()
                assert np.abs(table - alone[name]).max() <= 1e-3 * moved + 1e-7, name


def test_the_command_refuses_what_it_does_not_know_before_it_reads(tmp_path):
    from agent.commands import train_model

    with pytest.raises(ConfigError, match=r"--precision: .*'bf16'"):
        train_model("no such data", [], None, None, tmp_path / "m", {}, 1, 0, scale={"precision": "fp64"})


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="asks for an NVIDIA GPU: training on it is compared with a CPU's"
)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_gpu_trains_what_a_cpu_trains(tmp_path, precision):
    made = train(likes(), ITEMS, CONFIG.model_copy(update={"precision": precision})).weights.items
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import numpy as np\n"
        "from tests.retrieval.test_training_scale import CONFIG, ITEMS, likes, train\n"
        f"np.save({str(tmp_path / 'items.npy')!r}, train(likes(), ITEMS, CONFIG).weights.items)\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}, check=True)
    expected = np.load(tmp_path / "items.npy")
    assert np.abs(made - expected).max() < (1e-4 if precision == "fp32" else 1e-2)
