"""Is it any good? Imports every other room; no room imports it."""
