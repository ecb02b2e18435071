"""Where scoring and delivery meet: bytes to schemas, state sections, the handler of a batch."""
