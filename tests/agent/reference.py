"""The calibrated reranker again, plainly and with NumPy alone: whole objectives, no increments. An oracle for tests."""

import numpy as np


def fidelity(kind, p, q):
    """Minus the divergence between p and the smoothed q, up to what is the same for every slate."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "kl":
            return -np.where(p > 0, p * np.log(p / q), 0).sum(-1)
        if kind == "jensen-shannon":
            m = (p + q) / 2
            left = np.where(p > 0, p * np.log(p / m), 0).sum(-1)
            return -(left + np.where(q > 0, q * np.log(q / m), 0).sum(-1)) / 2
    overlap = np.sqrt(p * q).sum(-1)
    return -np.sqrt(np.maximum(1 - overlap, 0)) if kind == "hellinger" else overlap


def smoothed(p, rows, attention, whole, alpha):
    return alpha * p + (1 - alpha) * (attention[:, None] * rows).sum(-2) / whole


def rerank(s, v, p, attention, lam, alpha, kind, max_swaps, *, prefix, ramp, by_relevance):
    """One user; returns positions."""
    valid = np.flatnonzero(np.isfinite(s))
    size = min(len(attention), len(valid))
    chosen = []
    whole = attention[:size].sum()
    for t in range(size):
        weight = lam ** (1 / (t + 1)) if ramp else lam
        norm = attention[: t + 1].sum() if prefix else whole
        here = attention[: t + 1]

        def value(i, here=here, norm=norm, weight=weight):
            q = smoothed(p, v[[*chosen, i]], here, norm, alpha)
            return (1 - weight) * s[[*chosen, i]].sum() + weight * fidelity(kind, p, q)

        rest = [i for i in valid if i not in chosen]
        values = np.array([value(i) for i in rest])
        chosen.append(int(rest[int(np.flatnonzero(values >= values.max() - 1e-10)[0])]))

    def objective(slate):
        q = smoothed(p, v[slate], attention[:size], whole, alpha)
        return (1 - lam) * s[slate].sum() + lam * fidelity(kind, p, q)

    for _ in range(max_swaps):
        rest = [i for i in valid if i not in chosen]
        now = objective(chosen)
        swaps = [(t, i) for t in range(size) for i in rest]
        gains = np.array([objective([*chosen[:t], i, *chosen[t + 1 :]]) - now for t, i in swaps])
        if not len(gains) or gains.max() <= 1e-10:
            break
        t, i = swaps[int(np.flatnonzero(gains >= gains.max() - 1e-10)[0])]
        chosen[t] = int(i)
    return sorted(chosen, key=lambda i: (-s[i], i)) if by_relevance else chosen
