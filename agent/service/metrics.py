"""What operators count, in Prometheus' terms. Labels are few and closed: no user, item or key is among them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from agent.slate import Slate

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter("polytaste_requests", "Requests by route and status", ["route", "status"])
SECONDS = Histogram("polytaste_request_seconds", "Time to answer", ["route"], buckets=_SECONDS)
IN_WORK = Gauge("polytaste_requests_in_work", "Requests being answered", multiprocess_mode="livesum")
SLATES = Counter("polytaste_slates", "Lists by who ranked them, and why not the model if not", ["ranker", "reason"])
TOKENS = Counter("polytaste_llm_tokens", "Tokens of the language model", ["part"])
CALLS = Counter("polytaste_llm_calls", "Questions to the language model, by who answered", ["answered"])
LLM_SECONDS = Histogram("polytaste_llm_seconds", "Time that the language model took for a list", buckets=_SECONDS)
SLATE_SECONDS = Histogram("polytaste_slate_seconds", "Time to make a list", ["ranker"], buckets=_SECONDS)
FEEDBACK = Counter("polytaste_feedback", "Words of feedback kept, by kind", ["kind"])
RELOADS = Counter("polytaste_model_reloads", "Newer models, by outcome", ["outcome"])
MODEL_LOADED = Gauge(
    "polytaste_model_loaded_timestamp_seconds", "When the model was loaded", multiprocess_mode="livemostrecent"
)


def count(slate: Slate) -> Slate:
    """Count a list that goes out."""
    SLATES.labels(slate.ranker_used, slate.degraded_reason or "").inc()
    SLATE_SECONDS.labels(slate.ranker_used).observe(slate.latency_ms / 1000.0)
    if slate.tokens.prompt:
        TOKENS.labels("prompt").inc(slate.tokens.prompt)
        TOKENS.labels("completion").inc(slate.tokens.completion)
        TOKENS.labels("prefix known").inc(slate.tokens.prefix)
    if slate.tokens.calls:
        CALLS.labels("server").inc(slate.tokens.calls - slate.tokens.kept)
        CALLS.labels("kept answers").inc(slate.tokens.kept)
    if slate.llm_ms is not None:
        LLM_SECONDS.observe(slate.llm_ms / 1000.0)
    return slate
