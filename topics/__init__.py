"""Where it is said: every topic once, with its key, value, partitions and retention."""
