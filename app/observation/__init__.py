"""What a running server shows of itself: log lines, numbers, spans, and whether it is ready for work."""
