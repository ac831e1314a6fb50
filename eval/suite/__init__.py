"""Suites: data sets by splits by retrievers by rerankers by lambdas, measured per user, resumable anywhere."""
