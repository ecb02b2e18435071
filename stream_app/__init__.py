"""The lead-scoring application: pure scoring inside, exactly-once delivery around it."""
