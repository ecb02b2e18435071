"""Tests, by what they need: nothing (unit to scenarios), a broker (connected, faults), a browser."""
