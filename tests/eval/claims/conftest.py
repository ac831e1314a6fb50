"""Claims on the bundled data with retrievers that take no time: what is tested is the experiment, not the model."""

from dataclasses import replace

import pytest

from eval.claims.ground import make_ground
from eval.retrieve_models import MODELS, Model
from retrieval.baselines.linear import LinearConfig


@pytest.fixture
def quick(monkeypatch):
    """Every retriever of the claims as EASE with one ridge of its own."""
    from eval.retrieve_models import _grid

    for name, ridge in {"ease": 200.0, "ials": 800.0, "personas": 50.0, "one-vector": 400.0}.items():
        monkeypatch.setitem(MODELS, name, Model(name, _grid(LinearConfig(), ridge=(ridge,))))


@pytest.fixture(scope="package")
def ground(dataset, tmp_path_factory):
    return make_ground(dataset, folder=tmp_path_factory.mktemp("claims"))


@pytest.fixture(scope="package")
def part(ground):
    """One of its folds."""
    return replace(ground, parts=ground.parts[:1])
