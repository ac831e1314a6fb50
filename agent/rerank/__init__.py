"""From candidates to a slate: one protocol, the calibrated reranker, and the ladder down from the language model."""
