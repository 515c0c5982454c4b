"""Everything in Alur that touches the world: HTTP, PostgreSQL, the clock."""
