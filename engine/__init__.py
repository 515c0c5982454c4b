"""The pure heart of Alur: SOP text in, decisions out. Knows no HTTP, no SQL and no clock."""
