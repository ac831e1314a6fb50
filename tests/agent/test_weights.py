"""Weights: a GGUF file becomes a checkpoint once, and is known again as long as it is the same."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from agent.llm import weights
from agent.llm.weights import PACKAGED, checkpoint, packaged_gguf
from retrieval.errors import NotFoundError


@pytest.fixture
def packaged():
    return Path(checkpoint(PACKAGED))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "checkpoints_folder", lambda: tmp_path / "kept")
    return tmp_path


def test_a_file_of_ones_own_is_what_the_packaged_one_is(packaged, folder, monkeypatch):
    expected = load_file(packaged / "model.safetensors")
    mine = folder / "mine.gguf"
    mine.symlink_to(packaged_gguf())
    made = checkpoint(str(mine))
    found = load_file(Path(made) / "model.safetensors")
    assert found.keys() == expected.keys()
    for name in ("model.embed_tokens.weight", "model.layers.3.mlp.up_proj.weight"):
        assert found[name].dtype == torch.bfloat16
        torch.testing.assert_close(found[name], expected[name])
    monkeypatch.setattr(weights, "_convert", lambda *_: pytest.fail("it was converted"))
    assert checkpoint(str(mine)) == made


def test_another_file_at_the_same_place_is_another_checkpoint(folder, monkeypatch):
    monkeypatch.setattr(
        weights, "_convert", lambda _, target: (target.mkdir(parents=True), (target / "config.json").touch())
    )
    mine = folder / "mine.gguf"
    mine.write_bytes(b"one")
    first = checkpoint(str(mine))
    mine.write_bytes(b"another")
    assert checkpoint(str(mine)) != first


def test_no_file_is_said_and_other_names_are_passed_on(folder):
    with pytest.raises(NotFoundError, match=r"no file .*absent\.gguf"):
        checkpoint(str(folder / "absent.gguf"))
    assert checkpoint("org/model") == "org/model"
    (folder / "model.gguf").mkdir()
    assert checkpoint(str(folder / "model.gguf")) == str(folder / "model.gguf")
    assert checkpoint(str(folder)) == str(folder)
