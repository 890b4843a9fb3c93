"""How an attempt gets a worker: one file a launcher."""
