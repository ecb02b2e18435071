"""Exactly once for Faust: partition life, reading, transactions, journal and stores."""
