"""The state machine: facts in, changes out. No IO, no clock, no randomness.

Read in this order: `states`, `transitions` (the table), `advance`, then `tree`, `events`, `changes`.
"""
