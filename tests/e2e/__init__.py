"""Tests of the whole system through the edge and in a browser, with crashes, attacks and measurements."""
