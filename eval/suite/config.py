"""What a suite file may say. A field that nothing reads is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.rerank.strategies import STRATEGIES
from eval.retrieve_models import MODELS
from retrieval.errors import ConfigError

Lambda = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Part):
    """A data set; a bare string is its path."""

    path: str = Field(description="folder or file of data, or folder of RecBole's; 'ml-latest-small' is bundled")
    name: str = Field(default="", description="in reports; default: the data's own")
    columns: dict[str, str] = Field(default={}, description="role: column, as --column of train")
    items: str | None = Field(default=None, description="file of items, if path is a file")
    like_above: float | None = None
    separator: str = Field(default=" ", description="between categories, of RecBole's files: its seq_separator")
    axis: str = Field(default="categories", description="along which is calibrated; see rerank compare --axis")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class SplitConfig(_Part):
    """How users and items are held out; a bare string is the protocol."""

    protocol: Literal["strong", "last", "time"] = "strong"
    held_out: int | None = Field(
        default=None, ge=1, description="test users of strong; none goes by the size of the data"
    )
    last: int = Field(default=1, ge=1, description="likes hidden per user, of last")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"protocol": value} if isinstance(value, str) else value

    @property
    def title(self) -> str:
        """For people."""
        more = f" {self.held_out}" if self.held_out else f" {self.last}" if self.protocol == "last" else ""
        return self.protocol + more


class RetrieverConfig(_Part):
    """A retriever; a bare string is its name.

    Points of the retriever's own grid that agree with ``config`` are tried, and the best on validation users is used. A value of
    ``config`` that is not on the grid replaces the grid's.
    """

    name: str
    config: dict[str, Any] = Field(default={}, description="settings that are fixed")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in MODELS:
            raise ValueError(f"no retriever {value!r}; choose among {', '.join(MODELS)}")
        return value

    @property
    def title(self) -> str:
        """For people."""
        said = ", ".join(f"{name} {value}" for name, value in self.config.items())
        return f"{self.name} ({said})" if said else self.name


class LlmConfig(_Part):
    """The language model as a reranker: each prompt with each model, at each weight; weights share the model's answers."""

    prompts: tuple[str, ...] = Field(default=("rerank-shares",), min_length=1)
    models: tuple[str, ...] = Field(
        default=("",), min_length=1, description="NAME of the embedded server, or NAME@URL; empty: whichever runs"
    )
    users: int = Field(
        default=100, ge=1, description="test users that the model is asked for; it costs a call for each"
    )
    weight: tuple[Lambda, ...] = Field(
        default=(0.2,), min_length=1, description="share of the model in the fused relevance: a number, or several"
    )
    candidates: int = Field(default=20, ge=2, le=52, description="candidates that are shown")
    orders: int = Field(default=1, ge=1, le=4, description="orders of the candidates that are asked about and averaged")
    min_label_mass: float = Field(default=0.05, ge=0.0, le=1.0, description="below this an answer is not believed")
    timeout_s: float = Field(default=60.0, gt=0.0, description="of a call")

    @field_validator("weight", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (
            (value,)
            if isinstance(value, int | float)
            else tuple(dict.fromkeys(value))
            if isinstance(value, list | tuple)
            else value
        )


class SuiteConfig(_Part):
    """A suite: every combination of its lists is a cell."""

    name: str = Field(min_length=1)
    data: tuple[DataConfig, ...] = Field(min_length=1)
    splits: tuple[SplitConfig, ...] = Field(default=(SplitConfig(),), min_length=1)
    retrievers: tuple[RetrieverConfig, ...] = Field(min_length=1)
    rerankers: tuple[str, ...] = Field(default=("top-k", "calibrated"), min_length=1)
    lambdas: tuple[Lambda, ...] = Field(default=(0.5, 0.9), min_length=1)
    llm: LlmConfig | None = None
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="of training, where it draws")
    k: int = Field(default=10, ge=1, description="length of a slate")
    depth: int = Field(default=100, ge=1, le=10_000, description="candidates per user")
    users: int | None = Field(default=None, ge=1, description="test users at most; drawn, the same for all cells")
    tastes: int = Field(default=20, ge=2, description="clusters of the taste distribution distance")

    @field_validator("rerankers")
    @classmethod
    def _strategies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in STRATEGIES:
                raise ValueError(f"no reranker {name!r}; choose among {', '.join(STRATEGIES)}")
        return tuple(dict.fromkeys(value))

    @field_validator("retrievers")
    @classmethod
    def _distinct(cls, value: tuple[RetrieverConfig, ...]) -> tuple[RetrieverConfig, ...]:
        twice = [one.title for at, one in enumerate(value) if one in value[:at]]
        if twice:
            raise ValueError(f"{twice[0]} stands there twice: leave one out, or give them different config")
        return value

    @field_validator("lambdas", "seeds")
    @classmethod
    def _once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _sizes(self) -> SuiteConfig:
        if self.depth < self.k:
            raise ValueError(f"depth {self.depth} is less than k {self.k}: no pool would fill a slate")
        return self


def read_suite(path: Path, folders: Mapping[str, str]) -> SuiteConfig:
    """A suite file.

    Args:
        path: YAML.
        folders: What ``{NAME}`` in a data path stands for, usually the environment.

    Raises:
        ConfigError: It is missing or no YAML, or a field is unknown or wrong; names it.
    """
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise ConfigError(f"{path}: {why.strerror}", "name a suite file; some are in eval/suites") from why
    except (UnicodeDecodeError, yaml.YAMLError) as why:
        raise ConfigError(f"{path}: not valid YAML ({str(why).splitlines()[0]})", "correct its syntax") from why
    try:
        suite = SuiteConfig.model_validate(read)
    except ValidationError as why:
        first = why.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(
            f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}",
            f"known fields: {', '.join(SuiteConfig.model_fields)}",
        ) from why
    return suite.model_copy(update={"data": tuple(_placed(data, path, folders) for data in suite.data)})


def _placed(data: DataConfig, path: Path, folders: Mapping[str, str]) -> DataConfig:
    try:
        return data.model_copy(update={"path": data.path.format_map(folders)})
    except (KeyError, ValueError, IndexError) as why:
        raise ConfigError(
            f"{path}: data path {data.path!r}: nothing is known of {why}", "set that variable in the environment"
        ) from why
