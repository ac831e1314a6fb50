"""RankLLM's listwise reranker against an OpenAI-compatible server, timed; run by whichever interpreter has RankLLM.

    python eval/rankllm_peer.py requests.jsonl --url http://127.0.0.1:8000 --model NAME --at-once 4

Knows nothing of polytaste: requests come as RankLLM's own lines, a report goes to stdout as JSON. The reranker is the default one of
RankLLM's OpenAI mode (prompt ``rank_gpt``, window 20). Its package imports vLLM on the way to that mode, which never uses it, so that
without vLLM something stands in for it. It counts tokens by tiktoken, which needs ``TIKTOKEN_CACHE_DIR`` where there is no network.

RankLLM repeats a request that fails, silently, and takes some errors of a server for answers: both are counted and told.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

ABSENT = 3
"""Exit status where the interpreter has no RankLLM."""

_WINDOW = 20
_CONTEXT = 4096
_NO_ANSWER = "ERROR::"  # RankLLM's own mark for what a server refused


def main() -> None:
    """Rerank, and say how many were done in what time and what was answered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("requests")
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which what is not done is left")
    parser.add_argument("--bounded", action="store_true", help="write at most as many tokens as an order takes")
    asked = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # RankLLM prints
        try:
            found = measure(asked)
        except ImportError as why:
            sys.stderr.write(f"{why}\n")
            sys.exit(ABSENT)
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # RankLLM repeats a request that fails for ever: nothing else would end it


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Time the reranker."""
    here = Path(__file__).resolve().parent  # modules beside this one have names of libraries
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != here]
    if importlib.util.find_spec("vllm") is None:
        sys.modules.update({"vllm": MagicMock(), "vllm.outputs": MagicMock()})
    import openai  # noqa: PLC0415
    from rank_llm.data import read_requests_from_file  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    from rank_llm.rerank import Reranker  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    from rank_llm.rerank.listwise import SafeOpenai  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    from rank_llm.rerank.rankllm import PromptMode  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    class Bounded(SafeOpenai):  # pyright: ignore[reportUntypedBaseClass]
        """Asks for no more tokens than RankLLM itself says that an order takes, as its own vLLM mode does."""

        def _call_completion(self, *args: Any, **kwargs: Any) -> Any:
            return super()._call_completion(*args, max_tokens=self.num_output_tokens(), **kwargs)

    agent = (Bounded if asked.bounded else SafeOpenai)(
        asked.model, _CONTEXT, prompt_mode=PromptMode.RANK_GPT, window_size=_WINDOW, keys="none", base_url=f"{asked.url}/v1/"
    )  # fmt: skip
    failures = Counter[str]()
    openai.chat.completions.create = _counted(openai.chat.completions.create, failures)
    reranker = Reranker(agent)
    requests = read_requests_from_file(asked.requests)
    began = time.perf_counter()
    pool = ThreadPoolExecutor(asked.at_once)
    asking = [
        pool.submit(reranker.rerank, one, rank_end=_WINDOW, populate_invocations_history=True) for one in requests
    ]
    done, _ = wait(asking, asked.limit)
    seconds = time.perf_counter() - began
    pool.shutdown(wait=False, cancel_futures=True)
    answered: list[Any] = []
    for one in done:
        if (why := one.exception()) is not None:
            failures[type(why).__name__] += 1
        elif not any(call.response.startswith(_NO_ANSWER) for call in one.result().invocations_history):
            answered.append(one.result())
    calls = [call for result in answered for call in result.invocations_history]
    named = [set(_numbers(call.response)) for call in calls]
    return {
        "requests": len(answered),
        "left": len(requests) - len(answered),
        "failures": dict(failures),
        "seconds": seconds,
        "whole": sum(len(one) == _WINDOW for one in named) if named else None,
        "named": sum(map(len, named)) / len(named) if named else None,
        "written": sum(call.output_token_count for call in calls) / len(calls) if calls else None,
    }


def _counted(create: Callable[..., Any], failures: Counter[str]) -> Callable[..., Any]:
    """``create``, the kinds of its errors counted."""

    def counted(*args: Any, **kwargs: Any) -> Any:
        try:
            return create(*args, **kwargs)
        except Exception as why:
            failures[type(why).__name__] += 1
            raise

    return counted


def _numbers(text: str) -> list[int]:
    """Candidates that an answer names, as RankLLM reads it: every number in it that is one of a candidate."""
    digits = "".join(c if c.isdigit() else " " for c in text)
    return [int(word) for word in digits.split() if 1 <= int(word) <= _WINDOW]


if __name__ == "__main__":
    main()
