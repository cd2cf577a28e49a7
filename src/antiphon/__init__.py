"""LLM completions that come back the same."""
