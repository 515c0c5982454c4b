"""Instances: one cycle of an SOP from its start to its end, and the one door through which it changes."""
