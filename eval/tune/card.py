"""The card of a run: what was learned from whom, under which licences, at what cost, and what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.llm.weights import PACKAGED
from eval.suite.store import write_whole
from eval.tune.compare import Gains, gains
from eval.tune.run import Result

CARD = "card.md"
CHART = "curve.png"


def write_card(result: Result, folder: Path) -> None:
    """Write it beside the run."""
    write_whole(folder / CARD, lambda out: out.write(card(result).encode()))


def card(result: Result) -> str:
    """The card as Markdown."""
    c, f = result.config, result.facts
    base = "SmolLM2-135M-Instruct, Apache-2.0" if c.model == PACKAGED else "its licence is that of its source"
    versions = ", ".join(f"{name} {number}" for name, number in f["surroundings"]["versions"].items())
    learned = "what to add to the retriever's order" if c.beside else "an order that stands alone"
    lines = [
        f"# Adapter of {c.model}: {c.objective}",
        "",
        f"- **Model:** {c.model} ({base}); LoRA of rank {c.rank} in all linear layers, {f['parameters']:,} parameters.",
        f"- **Data:** {f['data']} (fingerprint {f['fingerprint']}). {f['licence'] or 'Licence unknown.'}",
        f"- **Learned from:** three fifths of the users with ten likes. Chosen on a fifth: {f['validation_requests']} requests.",
        f"- **Reported on:** a fifth of the users that neither trained nor chose: {len(result.after.kinds)} requests.",
        f"- **Prompt:** {f['prompt']}, hash {f['prompt_hash']}. With another prompt this card says nothing.",
        f"- **Objective:** {c.objective}, {c.loss} over the list; {learned}.",
        f"- **Teacher:** the retriever with the whole history, {c.distil:g} of the loss, temperature {c.temperature:g}.",
        f"- **Budget:** {f['tokens']:,} tokens in {f['examples']:,} requests and {f['steps']:,} steps; highest rate {c.learning_rate:g}; seed {c.seed}.",
        f"- **Chosen:** after {f['best_check']:,} tokens, by NDCG@10 of {'both together' if c.beside else 'the model'}, of the users who chose ({result.chosen:.3f}).",
        f"- **Label mass:** {result.before.mass.mean():.2f} before, {result.after.mass.mean():.2f} after.",
        f"- **Made with:** {versions}; {f['surroundings']['processor']}, {f['surroundings']['cores']} cores.",
        "",
        "NDCG@10 of 20 candidates, paired 95 % intervals by request:",
        "",
        "| request | n | retriever | untuned | tuned | tuned - untuned | tuned - retriever | both - retriever | both - both untuned |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(g) for g in gains([result])),
        "",
        "`both` is the mean of the standardised scores. What the model earns in a slate is measured by `polytaste llm fit`.",
        "",
    ]
    return "\n".join(lines)


def _row(g: Gains) -> str:
    intervals = " | ".join(
        f"{i.mean:+.3f} [{i.low:+.3f}, {i.high:+.3f}]"
        for i in (g.over_before, g.over_retriever, g.both, g.both_over_before)
    )
    return f"| {g.kind} | {g.requests} | {g.retriever:.3f} | {g.before:.3f} | {g.after:.3f} | {intervals} |"


def draw(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Loss by step and NDCG@10 of the checks, one line for each run, as PNG."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    with mpl.rc_context({"font.size": 9}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
        for at, (name, rows) in enumerate(curves.items()):
            colour = f"C{at % 10}"
            _line(left, rows, "loss", name, colour)
            _line(right, rows, "chosen_by", name, colour)
            checks = [row for row in rows if "retriever" in row]
            right.axhline(checks[0]["retriever"], color=colour, lw=0.8, ls=":")
        left.set(xlabel="tokens read", ylabel="loss of a step")
        right.set(xlabel="tokens read", ylabel="NDCG@10 of users who choose (dotted: retriever)")
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
        right.legend(frameon=False, fontsize=8)
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _line(axes: Any, rows: list[dict[str, float]], key: str, name: str, colour: str) -> None:
    points = [(row["tokens"], row[key]) for row in rows if key in row]
    axes.plot(*zip(*points, strict=True), "o-" if key == "chosen_by" else "-", ms=3.5, lw=1.2, label=name, color=colour)
