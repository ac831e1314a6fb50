"""Candidate sets that others published, ranked by what is here and by them: the same users, the same candidates, the same metric."""
