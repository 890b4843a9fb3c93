"""Running tasks: the process tree under an attempt worker, and claiming, running and reporting."""
