"""The persona encoder: any list of items becomes a few tastes, with weights and memberships."""
