"""The claims of this project as experiments: prediction first, then control, result and a verdict by rule."""

from retrieval import threads as _threads  # noqa: F401  # pyright: ignore[reportUnusedImport]  (before torch loads OpenMP)
