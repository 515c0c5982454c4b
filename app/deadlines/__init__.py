"""Statutory deadlines: which one counts for an SOP, agency and period, those that are shipped, and an agency's own."""
