"""Offline evaluation: how well queries find what is right for them, and how sure that is."""
