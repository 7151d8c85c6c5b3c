"""Test the whole system through the edge and in a browser, including during crashes and attacks.

The modules in `bench` measure its performance.
"""
