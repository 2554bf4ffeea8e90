"""The warehouse of facts, the marts made of it, and reading them."""
