"""Crash, freeze and resume, judged by an independent oracle."""
