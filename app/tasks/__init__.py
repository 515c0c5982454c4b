"""Tasks: what waits on somebody, who takes it, and how it is done."""
