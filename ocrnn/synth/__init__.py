"""Where lines are made: fonts and texts rendered, then degraded as printers, scanners and cameras do."""
