"""What an operator runs: command line, topic administration, embedded broker, demo, chaos."""
