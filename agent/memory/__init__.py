"""What the agent remembers of people: feedback, conversations, keys. SQLite in a file, or Postgres by URL."""
