"""Settings of the service. Nothing here can be set by a request."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from agent.chat.assistant import AssistantConfig
from agent.paths import memory_file
from agent.request import DEFAULT_DEADLINE_MS
from retrieval.errors import ConfigError

_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
DEFAULT_TENANT = "default"


class ServiceConfig(BaseModel):
    """How the service runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64, description="processes that share the port and the database")
    model: Path | None = Field(default=None, description="folder of the trained model; None: the last trained")
    database: str | None = Field(default=None, description="URL of the database; None: a SQLite file")
    llm_url: str | None = None
    llm_model: str | None = None
    use_llm: bool = True
    assistant: AssistantConfig = AssistantConfig()
    axis: str = "auto"
    lam: float = Field(default=0.9, ge=0.0, le=1.0)
    deadline_ms: int = Field(default=DEFAULT_DEADLINE_MS, ge=1, description="of requests that set none")
    max_body_bytes: int = Field(default=1_000_000, ge=1000)
    at_once: int = Field(default=256, ge=1, description="requests in work; more are told to come again")
    per_minute: int | None = Field(default=None, ge=1, description="requests a minute of a key that sets no limit")
    log_text: bool = Field(default=False, description="whether logs may hold what people say and who they are")
    anonymous_hours: float = Field(
        default=24.0, gt=0.0, description="how long conversations of nobody in particular are kept"
    )
    words_at_start: bool = Field(
        default=True,
        description="whether requests in words find their encoder loaded, or the first of them waits for it",
    )
    reload_s: float = Field(default=2.0, gt=0.0, description="how often the model's folder is looked at for a new one")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can call."""
        return self.host in _LOOPBACK

    def database_url(self) -> str:
        """The database, as a URL."""
        return self.database or f"sqlite:///{memory_file()}"

    def check_open(self, *, has_keys: bool) -> None:
        """Refuse to open to other machines without keys.

        Raises:
            ConfigError: Anybody could read anybody.
        """
        if not self.loopback and not has_keys:
            raise ConfigError(
                f"--host {self.host}: other machines can reach it, and there are no keys",
                "make one: polytaste keys add NAME; or serve on 127.0.0.1",
            )
