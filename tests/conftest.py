"""Shared ground: the bundled data, one small trained model, and one real vLLM for the whole run."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
os.environ["POLYTASTE_HOME"] = str(ROOT / ".cache" / "tests")
for name in ("POLYTASTE_LLM_URL", "POLYTASTE_LLM_MODEL", "POLYTASTE_LLM_API_KEY"):
    os.environ.pop(name, None)

import pytest

from retrieval.datasets import load_bundled


@pytest.fixture(scope="module")
def one_thread():
    """For trainings of small models: threads of several test processes that wait for one another take a hundred times as long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def dataset():
    return load_bundled()


@pytest.fixture(scope="session")
def catalog(dataset):
    return dataset.catalog


@pytest.fixture(scope="session")
def model(dataset):
    """A model trained on the bundled data, as `polytaste train` makes it, with fewer epochs."""
    from retrieval.artifacts import build
    from retrieval.personas.training import TrainingConfig, train

    encoder = train(
        dataset.histories(), len(dataset.catalog), TrainingConfig(epochs=2), categories=dataset.catalog.axis().share
    )
    return build(dataset, encoder)


@pytest.fixture(scope="session")
def vllm():
    """A real vLLM with the packaged model; one that runs already is used and left alone."""
    from agent.llm import server
    from agent.llm.endpoint import Endpoint

    ours = server.status() is None
    state = server.up()
    yield Endpoint(url=state.url, model=state.model)
    if ours:
        server.down()


@pytest.fixture(scope="session")
def shared_data():
    """Folder of data sets that may not be shipped; POLYTASTE_TEST_DATA names it."""
    folder = os.environ.get("POLYTASTE_TEST_DATA")
    if not folder:
        pytest.skip("set POLYTASTE_TEST_DATA to a folder of data sets that may not be shipped")
    return Path(folder)


@pytest.fixture(scope="module")
def browser():
    """Chromium, for tests of what people look at."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
