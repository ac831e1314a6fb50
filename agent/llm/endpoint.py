"""Which server is asked: one that was named, one from the environment, or the embedded one."""

from __future__ import annotations

import json
import os
import time

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr

from agent.llm.server import status
from retrieval.errors import ConfigError, ServerError


class Endpoint(BaseModel):
    """An OpenAI-compatible server of vLLM's.

    Attributes:
        url: Root, without ``/v1``.
        model: Name under which the model is served.
        api_key: Sent as a bearer token.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    model: str
    api_key: SecretStr = SecretStr("none")

    @property
    def through_proxy(self) -> bool:
        """Whether a proxy of the environment may be used: never for this machine itself."""
        return httpx.URL(self.url).host not in {"localhost", "127.0.0.1", "::1"}


def needed_endpoint(url: str | None, model: str | None, purpose: str) -> Endpoint:
    """The server to ask, for work that is nothing without one.

    Args:
        url: As for :func:`find_endpoint`.
        model: As for :func:`find_endpoint`.
        purpose: What is to be done with it, for the message.

    Raises:
        ServerError: There is none.
        ConfigError: As :func:`find_endpoint`.
    """
    endpoint = find_endpoint(url, model)
    if endpoint is None:
        raise ServerError(f"no language model to {purpose}", "start one: polytaste llm up; or name one: --llm-url")
    return endpoint


def find_endpoint(url: str | None = None, model: str | None = None) -> Endpoint | None:
    """The server to ask, or None where there is none.

    Options come before ``POLYTASTE_LLM_URL``, ``POLYTASTE_LLM_MODEL`` and ``POLYTASTE_LLM_API_KEY``, and these
    before the embedded server.

    Raises:
        ConfigError: A URL without a model, or one that is not HTTP.
    """
    url = url or os.environ.get("POLYTASTE_LLM_URL") or None
    model = model or os.environ.get("POLYTASTE_LLM_MODEL") or None
    if url is None:
        running = status()
        if running is None:
            return None
        if model not in {None, running.model}:
            raise ConfigError(
                f"--llm-model {model!r}: the embedded server serves {running.model!r}",
                "give the server's --llm-url too, or restart it: polytaste llm down; polytaste llm up --model NAME",
            )
        return Endpoint(url=running.url, model=running.model)
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"--llm-url {url!r} is not an HTTP address", "for example http://127.0.0.1:8000")
    try:
        parsed = httpx.URL(url)
        valid = bool(parsed.host) and (parsed.port is None or parsed.port < 65536)
    except httpx.InvalidURL:
        valid = False
    if not valid:
        raise ConfigError(f"--llm-url {url!r} is not a valid address", "for example http://127.0.0.1:8000")
    if model is None:
        raise ConfigError("--llm-url is given without --llm-model", "name the model as the server serves it")
    key = os.environ.get("POLYTASTE_LLM_API_KEY", "none")
    return Endpoint(url=url.rstrip("/").removesuffix("/v1"), model=model, api_key=SecretStr(key))


def wrong_with(endpoint: Endpoint, timeout_s: float = 3.0) -> str:
    """What is wrong with a server, in words; empty if it lists the model, which no other server would."""
    headers = {"Authorization": f"Bearer {endpoint.api_key.get_secret_value()}"}
    address, body, stop = f"{endpoint.url}/v1/models", bytearray(), time.monotonic() + timeout_s
    proxies = endpoint.through_proxy
    try:
        with httpx.stream("GET", address, headers=headers, timeout=timeout_s, trust_env=proxies) as answer:
            if not answer.is_success:
                return f"answered {answer.status_code} to /v1/models"
            for piece in answer.iter_raw():
                body += piece
                if time.monotonic() > stop or len(body) > 1_000_000:  # bytes that drip keep a client's own timer quiet
                    return "does not finish its answer"
        served = [str(model["id"]) for model in json.loads(body)["data"]]
    except httpx.HTTPError:
        return "no answer"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "answers, but not as vLLM does"
    return "" if endpoint.model in served else f"serves {', '.join(served)} instead"
