"""Units of time, weight, volume and length, each with its size in the smallest of its kind that people count in."""

from __future__ import annotations

SCALES: tuple[dict[str, float], ...] = (
    {"month": 30.0 * 86400.0, "fortnight": 14.0 * 86400.0, "week": 7.0 * 86400.0, "day": 86400.0, "hour": 3600.0, "hr": 3600.0, "h": 3600.0, "minute": 60.0, "min": 60.0, "second": 1.0, "sec": 1.0, "millisecond": 1e-3, "msec": 1e-3, "ms": 1e-3},
    {"kilogram": 1e3, "kilo": 1e3, "kg": 1e3, "gram": 1.0, "gramme": 1.0, "g": 1.0, "milligram": 1e-3, "mg": 1e-3},
    {"litre": 1e3, "liter": 1e3, "l": 1e3, "cl": 10.0, "millilitre": 1.0, "milliliter": 1.0, "ml": 1.0},
    {"mile": 1609.344, "kilometre": 1e3, "kilometer": 1e3, "km": 1e3, "metre": 1.0, "meter": 1.0, "m": 1.0, "centimetre": 0.01, "centimeter": 0.01, "cm": 0.01, "millimetre": 1e-3, "millimeter": 1e-3, "mm": 1e-3},
)  # fmt: skip
"""By kind, time first."""


def same_unit(word: str) -> list[str]:
    """Other names of a unit: "minute", "min"."""
    return [name for scale in SCALES if word in scale for name, size in scale.items() if size == scale[word]]


def like_units(word: str) -> list[str]:
    """Other units of the same kind of quantity."""
    return [name for scale in SCALES if word in scale for name in scale]
