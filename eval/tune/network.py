"""A language model with a low-rank adapter (LoRA; Hu et al., 2021, arXiv 2106.09685): its scores, its state, and both as one checkpoint."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from agent.llm.weights import checkpoint
from eval.tune.config import TuneConfig
from eval.tune.encode import Encoded, Encoder
from retrieval.errors import ConfigError

_SCALE = 2


@dataclass(frozen=True)
class Network:
    """See the module.

    Attributes:
        adapted: The model with its adapter, of peft.
        encoder: Reads prompts as its tokens.
        tokenizer: Of transformers.
    """

    adapted: Any
    encoder: Encoder
    tokenizer: Any

    @classmethod
    def load(cls, config: TuneConfig) -> Network:
        """The model that is to be tuned, with an adapter that changes nothing yet.

        Raises:
            ConfigError: peft is not installed.
            NotFoundError: The packaged model is not installed.
            LLMFailure: Its labels are not single tokens.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

        source = checkpoint(config.model)
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
        encoder = Encoder(tokenizer, config.objective, config.model)
        return cls(adapted(model, config.rank, config.seed).to(_device()), encoder, tokenizer)

    def scores(self, encoded: Encoded, count: int) -> tuple[Tensor, Tensor]:
        """What the model says of one request with ``count`` candidates.

        Returns:
            ``(count,)`` scores: log-probabilities of the labels, or log p(yes) - log p(no); and the logarithm of the
            probability of all answers together, mean over the questions.
        """
        base, place = self.adapted.get_base_model(), next(self.adapted.parameters()).device
        mask = encoded.mask(base.dtype)
        with torch.autocast(place.type, torch.bfloat16, enabled=base.dtype == torch.bfloat16):
            hidden = base.model(
                input_ids=encoded.ids[None].to(place),
                position_ids=encoded.positions[None].to(place),
                attention_mask=None if mask is None else mask.to(place),
                use_cache=False,
            ).last_hidden_state[0, encoded.ends.to(place)]
            logits = base.lm_head(hidden)
        whole = torch.log_softmax(logits.float(), dim=-1)
        if self.encoder.objective == "label":
            said = whole[0, self.encoder.answers[:count]]
            return said, said.logsumexp(dim=0)
        said = whole[:, self.encoder.answers]
        return said[:, 0] - said[:, 1], said.logsumexp(dim=-1).mean()

    def learned(self) -> list[Parameter]:
        """What training changes."""
        return [p for p in self.adapted.parameters() if p.requires_grad]

    def state(self) -> dict[str, Tensor]:
        """A copy of the adapter."""
        return {name: p.detach().clone() for name, p in self.adapted.named_parameters() if p.requires_grad}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take an adapter that :meth:`state` gave."""
        with torch.no_grad():
            for name, p in self.adapted.named_parameters():
                if p.requires_grad:
                    p.copy_(state[name])

    def untuned(self) -> AbstractContextManager[None]:
        """The model as it came, for as long as this lasts."""
        return self.adapted.disable_adapter()

    def save_adapter(self, folder: Path, model: str) -> None:
        """The adapter alone, as peft and vLLM read it, in the precision of the model, whose name it says instead of a path."""
        dtype = self.adapted.get_base_model().dtype
        self.adapted.peft_config["default"].base_model_name_or_path = model
        self.adapted.save_pretrained(folder, state_dict={name: p.to(dtype) for name, p in self.state().items()})
        (folder / "README.md").unlink()  # peft's form of a card, empty; ours is beside the folder

    def save_merged(self, folder: Path) -> None:
        """Model and adapter as one plain checkpoint, W + 2 B A in float32 and rounded once; the adapter is used up by it."""
        dtype = self.adapted.get_base_model().dtype
        merged = self.adapted.float().merge_and_unload().to(dtype)
        merged.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def adapted(model: Any, rank: int, seed: int) -> Any:
    """A model with an adapter in all linear layers of its blocks; B begins at zero, A by the seed.

    Raises:
        ConfigError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415
    except ImportError as why:
        raise ConfigError("peft, which adapters are made by, is not installed", "install the extra 'tune'") from why
    torch.manual_seed(seed)
    lora = LoraConfig(r=rank, lora_alpha=_SCALE * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, lora)


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
