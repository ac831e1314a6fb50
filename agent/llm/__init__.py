"""The language model: its weights, its server, and the one-token scorer that asks it."""
