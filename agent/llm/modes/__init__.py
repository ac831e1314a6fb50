"""Ways to ask a language model for an order of candidates, behind one interface."""
