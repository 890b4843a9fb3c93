"""Decisions in time: the one door to task state, starting attempts, supervising them.

Read `executor` first; `task_api` is how an agent comes to it, `starter` how attempts come to be.
"""
