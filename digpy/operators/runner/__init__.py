"""Sources that `py` hands to the interpreter of the user; nothing of digpy imports them."""
