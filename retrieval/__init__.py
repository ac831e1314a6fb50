"""Who is this user, and which items could serve each taste? Imports nothing else of this project."""
