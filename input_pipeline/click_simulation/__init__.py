"""Simulated clicks over a catalogue whose true products are known; never to pass for real ones."""
