"""Reading pictures: one, many, or folders unattended."""
