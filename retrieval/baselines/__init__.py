"""Classical recommenders that every figure is measured against."""
