"""The operator page in a real browser."""
