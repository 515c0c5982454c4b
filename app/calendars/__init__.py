"""Work calendars: which one an agency works by, and how it comes to be."""
