"""Recommendation for many users at once: stages from a user to a list, on one machine or on many."""
