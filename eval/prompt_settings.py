"""Settings of a command line, checked by the model that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from retrieval.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def checked(kind: type[M], settings: Mapping[str, Any], command: str) -> M:
    """The settings as their model.

    Args:
        kind: The model.
        settings: By field.
        command: Whose help says more.

    Raises:
        ConfigError: One is wrong; names its field.
    """
    try:
        return kind.model_validate(settings)
    except ValidationError as why:
        raise refusal(why, command) from why


def refusal(why: ValidationError, command: str) -> ConfigError:
    """What a model of settings first stumbled over, by its field.

    Args:
        why: What it raised.
        command: Whose help says more.
    """
    first = why.errors()[0]
    field, message = ".".join(map(str, first["loc"])), str(first["msg"]).removeprefix("Value error, ")
    return ConfigError(f"{field}: {message}" if field else message, f"{command} --help")
