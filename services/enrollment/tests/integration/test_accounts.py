from __future__ import annotations

from proctorium.enrollment.v1.accounts_pb2 import SignInRequest

from .enrollment import PASSWORD, Enrollment


async def test_signing_in_says_who_one_is(enrollment: Enrollment) -> None:
    person = await enrollment.person(password=PASSWORD)
    answer = await enrollment.anonymous.accounts.SignIn(
        SignInRequest(email=person.email.upper(), password=PASSWORD)
    )
    assert answer.person == person
