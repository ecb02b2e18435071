"""The pure core: ``decide(contact, input, rulebook, clock, origin) -> Decision``.

Laws: no Faust, no asyncio, no logging, no wall clock, no randomness, no I/O (S1, rules 1 and 4 of the house).
"""
