"""Defects of digdag that digpy does not have, and that no numbered edge case shows."""

from __future__ import annotations

from tests.support.played import Play, play

__all__ = ["play"]


def test_a_task_that_is_named_like_a_generated_one_is_retried_like_any_other(play: Play) -> None:
    played = play(
        """\
+g:
  _retry: 1
  +a^sub: {echo>: a}
  +b: {sh>: ./flaky.sh b 1}
"""
    )
    played.run()

    assert played.prints == ["a", "b", "a", "b"]
    assert played.states()["+w"] == "success"


def test_a_reset_is_taken_over_with_the_task_that_did_it(play: Play) -> None:
    played = play(
        """\
_export: {v: exported}
+reset: {param_reset>: v}
+see: {sh>: 'echo "${typeof v}"; ./flaky.sh x 1'}
"""
    )
    first = played.run()
    assert played.prints == ["undefined", "x"]
    played.run(resume={"attempt": first}, retry_attempt_name="again")

    assert played.prints == ["undefined", "x"]
