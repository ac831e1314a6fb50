"""Reading what a person asks for."""
