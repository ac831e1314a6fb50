"""Where polytaste keeps what it made: artefacts, converted weights, the embedded server's state."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path, user_state_path


def _root(default: Path, part: str) -> Path:
    """``POLYTASTE_HOME`` puts everything under one folder; otherwise the platform's own places."""
    home = os.environ.get("POLYTASTE_HOME")
    return Path(home).expanduser() / part if home else default


def models_folder() -> Path:
    """Trained artefacts, one folder each."""
    return _root(user_data_path("polytaste"), "data") / "models"


def data_folder() -> Path:
    """Downloaded data sets."""
    return _root(user_data_path("polytaste"), "data") / "datasets"


def checkpoints_folder() -> Path:
    """Language-model checkpoints converted from the weights of a package; safe to delete."""
    return _root(user_cache_path("polytaste"), "cache") / "checkpoints"


def server_folder() -> Path:
    """State and log of the embedded server."""
    return _root(user_state_path("polytaste"), "state") / "server"


def embeddings_folder() -> Path:
    """Vectors of sentences, kept by the sentence; safe to delete."""
    return _root(user_cache_path("polytaste"), "cache") / "embeddings"


def experiments_file() -> Path:
    """Prompts that are served side by side."""
    return _root(user_data_path("polytaste"), "data") / "experiments.json"


def memory_file() -> Path:
    """The embedded database of people, conversations and keys."""
    return _root(user_data_path("polytaste"), "data") / "memory.db"
