"""The label mode without a server: a causal language model of transformers in this process.

For one user at a time on a small machine: it starts in seconds and takes a fifth of the memory of a server, but has
no batches and no prefix cache. The log-probabilities are those that vLLM would give, as far as the two round alike.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from agent.llm.failures import LLMFailure, Reason
from agent.llm.labels import LETTERS, MAX_LABELS, TEMPLATE, Label
from agent.llm.scorer import LabelScores
from agent.llm.weights import PACKAGED, checkpoint
from prompts.template import Message

_PROBE = {"role": "user", "content": "?"}


class InProcessScorer:
    """Scores labels as :class:`agent.llm.scorer.LabelScorer` does. torch and transformers are imported with the first question.

    Args:
        model: :data:`~agent.llm.weights.PACKAGED`, a model folder, a GGUF file or a hub name.
    """

    def __init__(self, model: str = PACKAGED) -> None:
        self.model = model
        self._one_at_a_time = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._labels: tuple[Label, ...] = ()

    async def score(self, messages: Sequence[Message], count: int, timeout_s: float) -> LabelScores:
        """Score the ``count`` labelled candidates of a prompt, in a worker thread.

        Raises:
            LLMFailure: The model is still busy when the time is up, or a label is no token of its own. A forward
                pass that has begun is not broken off; its result is dropped.
            NotFoundError: The packaged model is asked for and not installed.
            ValueError: More candidates than there are labels.
        """
        if not 1 <= count <= MAX_LABELS:
            raise ValueError(f"between 1 and {MAX_LABELS} candidates can be labelled, not {count}")
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.to_thread(self._scored, list(messages), count)
        except TimeoutError as why:
            raise LLMFailure(Reason.TIMEOUT, f"no answer within {timeout_s:.1f} s") from why

    def _scored(self, messages: Sequence[Message], count: int) -> LabelScores:
        import torch  # noqa: PLC0415

        with self._one_at_a_time, torch.inference_mode():
            tokenizer, model = self._load()
            labels = self._verified(tokenizer)[:count]
            ids = prompt_tokens(tokenizer, messages)
            logits = model(input_ids=torch.tensor([ids]), logits_to_keep=1).logits[0, -1].float()
            all_logprobs = torch.log_softmax(logits, dim=-1)
            logprobs = all_logprobs[[label.token for label in labels]].numpy().astype(np.float32)
        mass = min(float(np.exp(logprobs.astype(np.float64)).sum()), 1.0)
        return LabelScores(logprobs, mass, prompt_tokens=len(ids), completion_tokens=1)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

            source = checkpoint(self.model)
            model = AutoModelForCausalLM.from_pretrained(source, dtype="auto").eval()
            self._loaded = AutoTokenizer.from_pretrained(source), model
        return self._loaded

    def _verified(self, tokenizer: Any) -> tuple[Label, ...]:
        """All letters as tokens, where the answer begins; as :func:`agent.llm.labels.verify_labels`."""
        if not self._labels:
            self._labels = labels_of(tokenizer, LETTERS, self.model)
        return self._labels


def prompt_tokens(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """A prompt up to where the answer begins, as a server would read it."""
    chat = [{"role": message.role, "content": message.content} for message in messages]
    return _tokens(tokenizer, chat, add_generation_prompt=True)


def labels_of(tokenizer: Any, texts: Sequence[str], model: str) -> tuple[Label, ...]:
    """Texts as tokens of a tokenizer of transformers, where the answer begins; as :func:`agent.llm.labels.verify_texts`.

    Raises:
        LLMFailure: A text is not one distinct token after an unchanged tail.
    """
    before, labels = _tokens(tokenizer, [_PROBE], add_generation_prompt=True), list[Label]()
    for text in texts:
        answered = [_PROBE, {"role": "assistant", "content": text}]
        tokens = _tokens(tokenizer, answered, continue_final_message=True)
        if tokens[:-1] != before or any(tokens[-1] == label.token for label in labels):
            raise LLMFailure(Reason.UNUSABLE_LABELS, f"{text!r} is not one distinct token in {model}")
        labels.append(Label(text, tokens[-1]))
    return tuple(labels)


def _tokens(tokenizer: Any, chat: list[dict[str, str]], **how: bool) -> list[int]:
    text = tokenizer.apply_chat_template(chat, tokenize=False, **how, **TEMPLATE)
    return tokenizer(text, add_special_tokens=False)["input_ids"]
