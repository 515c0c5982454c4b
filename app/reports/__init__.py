"""Reports: what is late, what is owed, what stands still, and how long things really take."""
