"""Queries: owner lookup and forwarding, score log, ordered index, live stream."""
