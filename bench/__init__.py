"""Measures leadstream beside its peers in one run on one broker; never imported by the product, asserts on no time.

What is measured and how to read it: docs/performance.md.
"""
