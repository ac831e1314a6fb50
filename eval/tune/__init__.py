"""Tuning the language model for its job: low-rank adapters, learned from the very prompts that production renders."""
