"""A comparison of prompts as one page without scripts, fonts or addresses of anything outside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from eval.prompt_answers import METRICS
from eval.prompt_compare import TESTED, Comparison
from eval.prompt_sequential import LEVEL
from eval.prompt_stats import SLICED, as_dict

_WIDTH = 100.0


def write_page(found: Comparison, titles: Sequence[str], path: Path) -> None:
    """Write the page; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(found, titles), encoding="utf-8")


def html(found: Comparison, titles: Sequence[str]) -> str:
    """The page."""
    return template("prompt_page.html.j2").render(**context(found, titles))


def template(name: str) -> Template:
    """A page of this folder."""
    loader = FunctionLoader(lambda one: (files("eval") / one).read_text(encoding="utf-8"))
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, loader=loader).get_template(name)


def context(found: Comparison, titles: Sequence[str]) -> dict[str, Any]:
    """What the page says."""
    facts = as_dict(found, titles)
    looks = [] if found.judged is None else found.judged.users
    return {
        "names": found.config.prompts, "facts": facts, "stopped": found.stopped,
        "interval_note": "; those of the tested metrics hold although it ended early (repeated confidence intervals)" if found.early else "",
        "looks": "one look" if len(looks) == 1 else f"looks after {', '.join(map(str, looks))} users",
        "hypotheses": (len(found.prompts) - 1) * len(TESTED),
        "calibrated": {key: said(value)["mean"] for key, value in facts["calibrated"].items()},
        "prompts": [
            {
                "name": one["name"], "version": one["version"],
                "failed": ", ".join(f"{why} {count}" for why, count in one["failures"].items()) or "0",
            }
            for one in facts["prompts"]
        ],
        "measured": [
            {"metric": name, "values": [said(one["means"][m], metric=m) for one in facts["prompts"]]} for m, name in METRICS.items()
        ],
        "differences": _differences(facts["differences"]),
        "places": [
            {
                "name": one["name"], "users": one["places"]["users"], "tau": said(one["places"]["tau"]),
                "early": said(one["places"]["early_minus_late"], sign=True),
                "quarters": ["" if v is None else f"{v:.3f}" for v in one["places"]["gain_by_quarter"]],
            }
            for one in facts["prompts"]
        ],
        "sliced": [METRICS[m] for m in SLICED], "slices": _sliced(facts["slices"]), "apart": facts["apart"],
        "files": [{"name": n, "version": p.version, "text": p.text} for n, p in zip(found.config.prompts, found.prompts, strict=True)],
        "settings": json.dumps(facts["config"], indent=2, ensure_ascii=False),
    }  # fmt: skip


def said(values: Sequence[float | None], metric: str = "", *, sign: bool = False) -> dict[str, str]:
    """A mean and its interval in as many digits as are worth reading."""
    mean, low, high = values
    if mean is None or low is None or high is None:
        return {"mean": "n/a", "range": ""}
    form = f"{'+' if sign else ''}.{0 if metric in {'read', 'written', 'ms'} else 3}f"
    return {"mean": f"{mean:{form}}", "range": f"{low:{form}} to {high:{form}}"}


def _differences(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for one in told:
        metric, mean = one["metric"], one["minus_first"][0]
        drawn = mean is not None and metric not in {"read", "ms"}
        # One scale for all bars of a metric, so that prompts can be compared by eye.
        most = max(
            [abs(v) for other in told if other["metric"] == metric for v in other["minus_first"] if v is not None], default=0.0
        )  # fmt: skip
        scale = _WIDTH / most if most > 0 else 0.0
        stands = one["p"] is not None and one["p"] < LEVEL
        better = mean is not None and (mean < 0 if metric == "kl" else mean > 0)
        out.append({
            "prompt": one["prompt"], "metric": METRICS[metric], **said(one["minus_first"], metric, sign=True), "drawn": drawn,
            **({at: round(v * scale, 1) for at, v in zip(("at", "low", "high"), one["minus_first"], strict=True)} if drawn else {}),
            "p": "" if one["p"] is None else f"{one['p']:.4f}", "sign": ("up" if better else "down") if stands else "",
            "rise": "" if one["rise_minus_fall"] is None else f"{one['rise_minus_fall']:+.0%}",
        })  # fmt: skip
    return out


def _sliced(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in told:
        row = rows.setdefault(
            (one["slice"], one["prompt"]), {"name": one["slice"], "users": one["users"], "prompt": one["prompt"], "values": []}
        )  # fmt: skip
        row["values"].append(said(one["minus_first"], sign=True))
    return list(rows.values())
