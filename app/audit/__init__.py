"""The trail as it is read and proved. Nothing here changes it; it is written with the deed it records."""
