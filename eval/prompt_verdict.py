"""What a comparison says, in sentences: is a prompt better, worse, or not to be told from the first."""

from __future__ import annotations

import numpy as np

from eval.prompt_answers import METRICS
from eval.prompt_compare import TESTED, Comparison
from eval.prompt_sequential import LEVEL
from eval.significance import power

_COLLAPSED = 0.7
"""Share of the first prompt's label mass below which it is said that a prompt is hardly understood."""


_FAILS = 0.05
"""Share of users whom a prompt fails, beyond the first prompt's, from which on it is not judged by what they got instead."""


def verdicts(found: Comparison) -> list[str]:
    """A sentence for each prompt but the first, and one more where its question is hardly understood.

    Users whom a prompt fails count as the calibrated slate, which is better than what a small model says alone: a prompt that fails often
    would look good, so it is only said that it fails.

    What stands is what the sequential tests reject after Holm. Where nothing does, the sentence says how large a difference in the
    slate's NDCG these users would have shown four times in five, so that a null is not read as equality.
    """
    base, users = found.config.prompts[0], len(found.people)
    out: list[str] = []
    for at in range(1, len(found.prompts)):
        name = found.config.prompts[at]
        unusable = [float((row == 0.0).mean()) for row in found.values("valid")[[0, at]]]
        if unusable[1] > unusable[0] + _FAILS:
            out.append(
                f"{name} could not be used for {unusable[1]:.0%} of the users, {base} for {unusable[0]:.0%}: they count as the calibrated slate, "
                "so the figures say little of it"
            )
            continue
        gains = {m: found.values(m)[at] - found.values(m)[0] for m in TESTED if found.p_of(at, m) < LEVEL}
        better = [_told(m, d) for m, d in gains.items() if _good(m) * np.nanmean(d) > 0]
        worse = [_told(m, d) for m, d in gains.items() if _good(m) * np.nanmean(d) <= 0]
        mass = [np.nanmean(row) if np.isfinite(row).any() else np.nan for row in found.values("mass")[[0, at]]]
        if mass[1] < _COLLAPSED * mass[0]:
            out.append(
                f"{name} is hardly understood: the model puts {mass[1]:.0%} of its probability on the answers it was offered, after {base} "
                f"{mass[0]:.0%}"
            )
        if gains:
            parts = [f"{word} in {' and '.join(some)}" for word, some in (("better", better), ("worse", worse)) if some]
            slate = (
                "" if "slate_ndcg" in gains else "; what users get, the slate, shows no difference in NDCG beyond doubt"
            )
            out.append(f"{name} is {', and '.join(parts)} than {base}{slate}")
            continue
        level = LEVEL / (len(TESTED) * (len(found.prompts) - 1))  # Holm's first step, the hardest
        smallest = power(found.values("slate_ndcg")[at], found.values("slate_ndcg")[0], level=level).smallest
        seen = (
            f": one of {smallest:.3f} in the NDCG of the slate would be seen in four runs of five"
            if smallest > 0
            else ""
        )
        out.append(f"no difference between {name} and {base} beyond doubt in {users} users{seen}")
    return out


def _good(metric: str) -> int:
    return -1 if metric == "kl" else 1


def _told(metric: str, difference: np.ndarray) -> str:
    return f"{METRICS[metric]} ({np.nanmean(difference):+.3f})"
