"""What is said: the shape of every message, stored state and authored object."""
