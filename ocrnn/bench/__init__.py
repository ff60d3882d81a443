"""How fast ocrnn and others read on a machine: whole processes, from files to text, in turns."""
