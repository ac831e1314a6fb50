"""The service: HTTP, OpenAI-compatible chat, MCP and a page, over one recommender."""
