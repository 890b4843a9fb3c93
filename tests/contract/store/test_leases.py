"""Two may believe that they lead; the epoch lets one write."""

from __future__ import annotations

from digpy.store import leases
from digpy.store.database import Database

SCOPE = "attempt/7"


def test_the_first_to_come_leads(database: Database) -> None:
    with database.transaction() as tx:
        assert leases.current(tx, SCOPE) is None
        assert leases.take(tx, SCOPE, "me", now=10, until=25) == 1
        assert leases.current(tx, SCOPE) == (SCOPE, "me", 1, 25)


def test_nobody_leads_beside_a_living_leader(database: Database) -> None:
    with database.transaction() as tx:
        leases.take(tx, SCOPE, "me", now=10, until=25)
        assert leases.take(tx, SCOPE, "you", now=25, until=40) is None
        assert leases.is_current(tx, SCOPE, 1)


def test_a_lease_that_ran_out_is_taken_with_a_new_epoch(database: Database) -> None:
    with database.transaction() as tx:
        leases.take(tx, SCOPE, "me", now=10, until=25)
        assert leases.take(tx, SCOPE, "you", now=26, until=41) == 2
        assert not leases.is_current(tx, SCOPE, 1)
        assert not leases.renew(tx, SCOPE, 1, 99)
        assert leases.current(tx, SCOPE) == (SCOPE, "you", 2, 41)


def test_renewing_keeps_the_epoch(database: Database) -> None:
    with database.transaction() as tx:
        leases.take(tx, SCOPE, "me", now=10, until=25)
        assert leases.renew(tx, SCOPE, 1, 30)
        assert leases.current(tx, SCOPE) == (SCOPE, "me", 1, 30)


def test_taking_again_what_one_holds_is_a_new_epoch(database: Database) -> None:
    with database.transaction() as tx:
        leases.take(tx, SCOPE, "me", now=10, until=25)
        assert leases.take(tx, SCOPE, "me", now=11, until=26) == 2


def test_a_released_lease_is_free_and_its_epoch_goes_on(database: Database) -> None:
    with database.transaction() as tx:
        leases.take(tx, SCOPE, "me", now=10, until=25)
        assert leases.release(tx, SCOPE, 1)
        assert leases.take(tx, SCOPE, "you", now=11, until=26) == 2
        assert not leases.release(tx, SCOPE, 1)


def test_scopes_are_led_apart(database: Database) -> None:
    with database.transaction() as tx:
        leases.take(tx, SCOPE, "me", now=10, until=25)
        assert leases.take(tx, "installation", "you", now=10, until=25) == 1
