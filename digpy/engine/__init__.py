"""The state machine: facts in, changes out. No IO, no clock, no randomness.

Read in this order: `states`, `transitions` (the table), `advance`, then `tree`, `events`,
`changes`. `planting` inserts tasks, `takeover` leaves out what an earlier attempt did, `params`
says which tasks feed which.
"""
