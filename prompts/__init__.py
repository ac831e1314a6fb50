"""What is said to the language model, and nothing else."""
