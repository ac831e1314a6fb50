"""OpenTelemetry: spans go out where the standard environment variables say so, if the SDK is installed."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

from opentelemetry import trace

log = logging.getLogger("polytaste.service")


def export_traces() -> None:
    """Export spans over OTLP if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; else tracing costs nothing."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    if find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.sdk") is None:
        log.warning("no traces: pip install 'polytaste[telemetry]'")
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "polytaste")})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
