"""Runs claims on data sets, one finding after another; what was found is kept and not looked for again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from eval.claims.calibration import CalibrationIsFree
from eval.claims.crowding import AccuracyCrowdsOut
from eval.claims.dimensions import SmallDimensions
from eval.claims.end_to_end import EndToEnd
from eval.claims.finding import Finding
from eval.claims.ground import Ground
from eval.claims.language_model import ExemplarsSuffice, ModelReplacesBoth
from eval.claims.likelihoods import MultinomialIsBest
from eval.claims.made import made, sources
from eval.claims.personas import PersonasSuffice
from eval.claims.protocol import Claim
from eval.claims.tempering import FewConsumed
from eval.suite.store import alone, digest, write_json
from retrieval.baselines.protocol import Progress
from retrieval.errors import ConfigError


def all_claims(model: str = "") -> dict[str, Claim]:
    """Every claim by its letter.

    Args:
        model: NAME@URL of a language model, for the claims that ask one; they are not run without.
    """
    claims: tuple[Claim, ...] = (
        AccuracyCrowdsOut(), CalibrationIsFree(), SmallDimensions(), PersonasSuffice(), MultinomialIsBest(), FewConsumed(),
        ModelReplacesBoth(model), ExemplarsSuffice(model), EndToEnd(),
    )  # fmt: skip
    return {claim.statement.letter: claim for claim in claims}


def chosen_claims(only: Sequence[str], claims: dict[str, Claim]) -> list[Claim]:
    """Claims by their letters, all if none is named.

    Raises:
        ConfigError: There is none of that letter.
    """
    unknown = [letter for letter in only if letter not in claims]
    if unknown:
        raise ConfigError(f"--only: no claim {', '.join(unknown)!r}", f"choose among {', '.join(claims)}")
    return [claims[letter] for letter in claims if not only or letter in only]


def run_claims(
    claims: Sequence[Claim], grounds: Sequence[Ground], seeds: Sequence[int], folder: Path, progress: Progress
) -> list[list[Finding]]:
    """Findings of every claim on every data set.

    A finding is kept under the hash of data and parts, seeds, the claim's settings and words, and the code: another of these finds anew,
    from those models that were kept and do not depend on it.

    Raises:
        ConfigError: Another process works in the folder.
    """
    with alone(folder):
        return [[_one(claim, ground, seeds, folder, progress) for ground in grounds] for claim in claims]


def kept_finding(claim: Claim, ground: Ground, seeds: Sequence[int], folder: Path) -> Finding | None:
    """What was found before, if it was found on these data, with these seeds, settings, words and code."""
    path, key = _place(claim, ground, seeds, folder)
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Finding.model_validate(kept["finding"]) if kept["key"] == key else None


def _one(claim: Claim, ground: Ground, seeds: Sequence[int], folder: Path, progress: Progress) -> Finding:
    known = kept_finding(claim, ground, seeds, folder)
    if known is not None:
        return known
    path, key = _place(claim, ground, seeds, folder)
    letter = claim.statement.letter
    began = time.perf_counter()
    finding = claim.run(ground, seeds, lambda stage, at, of: progress(f"{letter}: {stage}", at, of))
    finding = finding.model_copy(update={"seconds": round(time.perf_counter() - began, 1), "made": made()})
    if finding.conditions:  # what could not be run is tried again next time
        write_json(path, {"key": key, "finding": finding.model_dump(mode="json")})
    return finding


def _place(claim: Claim, ground: Ground, seeds: Sequence[int], folder: Path) -> tuple[Path, str]:
    words = claim.statement
    settings = {name: str(value) for name, value in vars(claim).items()}
    facts = {"ground": ground.key, "seeds": list(seeds), "settings": settings, "code": sources(), **asdict(words)}
    return folder / f"{words.letter}-{re.sub('[^a-z0-9]+', '-', ground.name.lower())}.json", digest(facts)
