"""Promises that need a real broker."""
