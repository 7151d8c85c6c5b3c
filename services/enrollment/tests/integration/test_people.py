"""Tests of creating people, roles and certifications, and of the data that other people and services may read."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified, PersonCreated
from proctorium.enrollment.v1.people_pb2 import (
    BatchGetCertificationsRequest,
    BatchGetContactsRequest,
    BatchGetNamesRequest,
    Certification,
    CertifyProctorRequest,
    CheckPeopleRequest,
    Contact,
    CreatePersonRequest,
    GetPersonRequest,
    GetRegistrationInformationRequest,
    GrantRoleRequest,
    ListPeopleRequest,
    Person,
)
from proctorium.options.v1.options_pb2 import (
    ROLE_ADMINISTRATOR,
    ROLE_LEARNER,
    ROLE_PROCTOR,
    ROLE_UNSPECIFIED,
)
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.storage.tables import idempotency_keys
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.storage.tables import credentials, people

from .harness import PASSWORD, Client, Harness, joined_event, stamp


def request(**changed: object) -> CreatePersonRequest:
    fields = {
        "request_id": str(new_id()),
        "legal_name": "Lena Fischer",
        "preferred_name": "Leni",
        "email": f"Lena.{new_id()}@Example.org",
        "date_of_birth": "2001-04-17",
        "locale": "de",
        "time_zone": "Europe/Berlin",
        "roles": [ROLE_LEARNER],
    }
    return CreatePersonRequest(**{**fields, **changed})  # type: ignore[arg-type]


async def test_creating_a_person_publishes_an_event_without_a_name(
    harness: Harness,
) -> None:
    message = request(password=PASSWORD)
    person = (await harness.administrator.people.CreatePerson(message)).person
    assert person.email == message.email.lower()
    assert (person.legal_name, person.preferred_name) == ("Lena Fischer", "Leni")
    assert (person.date_of_birth, person.locale) == ("2001-04-17", "de")
    (event,) = await harness.events(PersonCreated)
    assert event == PersonCreated(person_id=person.person_id, roles=[ROLE_LEARNER])
    assert b"Lena" not in event.SerializeToString()


async def test_repeated_request_registers_once(harness: Harness) -> None:
    once = request(password=PASSWORD)
    first = await harness.administrator.people.CreatePerson(once)
    assert await harness.administrator.people.CreatePerson(once) == first
    assert await harness.count(people) == 1
    assert len(await harness.events(PersonCreated)) == 1
    changed = CreatePersonRequest()
    changed.CopyFrom(once)
    changed.legal_name = "Somebody Else"
    reused = await refusal(harness.administrator.people.CreatePerson(changed))
    assert reused.reason == "REQUEST_ID_REUSED"


async def test_password_is_stored_only_as_a_slow_hash(harness: Harness) -> None:
    import hashlib

    message = request(password=PASSWORD)
    response = await harness.administrator.people.CreatePerson(message)
    (stored,) = await harness.rows(
        select(idempotency_keys).where(idempotency_keys.c.request_id == message.request_id)
    )
    whole = hashlib.sha256(message.SerializeToString(deterministic=True)).digest()
    assert stored.request_digest != whole
    assert PASSWORD.encode() not in stored.response
    (credential,) = await harness.rows(
        select(credentials.c.password_hash).where(
            credentials.c.person_id == UUID(response.person.person_id)
        )
    )
    assert credential.password_hash.startswith("$argon2id$")


async def test_email_address_belongs_to_one_person(harness: Harness) -> None:
    first = request()
    await harness.administrator.people.CreatePerson(first)
    second = request(email=first.email.swapcase())
    taken = await refusal(harness.administrator.people.CreatePerson(second))
    assert (taken.kind, taken.reason) == (Kind.ALREADY_EXISTS, "EMAIL_TAKEN")
    assert await harness.count(people) == 1
    assert len(await harness.events(PersonCreated)) == 1


async def test_invalid_person_is_refused_and_not_stored(harness: Harness) -> None:
    create = harness.administrator.people.CreatePerson
    weak = await refusal(create(request(password="password1234")))
    assert weak.reason == "PASSWORD_TOO_WEAK"
    for wrong in (
        request(email="nonsense"),
        request(date_of_birth="2001-02-29"),
        request(date_of_birth=(harness.clock.now + timedelta(days=2)).date().isoformat()),
        request(locale="German"),
        request(preferred_name="\u200b"),
        request(time_zone="Europe/Atlantis"),
        request(roles=[]),
        request(roles=[ROLE_UNSPECIFIED]),
        request(legal_name=""),
        request(legal_name="Lena\nFischer"),
        request(preferred_name="Lena\u202eanel"),
    ):
        assert (await refusal(create(wrong))).reason == "INVALID_REQUEST"
    assert await harness.count(people) == 0


async def test_only_administrators_register_list_and_change_people(harness: Harness) -> None:
    person = await harness.person()
    before = len(await harness.events(PersonCreated))
    for role in ("learner", "proctor"):
        client = harness.client(new_id(), role).people
        for call in (
            client.CreatePerson(request()),
            client.ListPeople(ListPeopleRequest()),
            client.GrantRole(GrantRoleRequest(person_id=person.person_id, role=ROLE_PROCTOR)),
            client.CertifyProctor(certify(harness, person.person_id)),
        ):
            assert (await refusal(call)).reason == "NOT_ALLOWED"
    assert len(await harness.events(PersonCreated)) == before


# Access to people.


async def seen(client: Client, person_id: str) -> bool:
    call = client.people.GetPerson(GetPersonRequest(person_id=person_id))
    try:
        return (await call).person.person_id == person_id
    except Exception:  # noqa: BLE001 - the refusal is checked below
        assert (
            await refusal(client.people.GetPerson(GetPersonRequest(person_id=person_id)))
        ).reason == "NOT_FOUND"
        return False


async def test_access_to_a_person(harness: Harness) -> None:
    session = await harness.session()
    (learner_id,) = session.learner_ids
    stranger = await harness.person("proctor")
    assert await seen(harness.administrator, learner_id)
    assert await seen(harness.learner(learner_id), learner_id)
    assert await seen(harness.client(session.proctor_id, "proctor"), learner_id)
    assert not await seen(harness.client(stranger.person_id, "proctor"), learner_id)
    # The proctor of the session cannot read a learner while acting as a learner. A learner cannot read the proctor.
    assert not await seen(harness.client(session.proctor_id, "learner"), learner_id)
    assert not await seen(harness.learner(learner_id), session.proctor_id)
    assert not await seen(harness.administrator, str(new_id()))


async def test_proctor_reads_only_names(harness: Harness) -> None:
    session = await harness.session()
    request = GetPersonRequest(person_id=session.learner_ids[0])
    whole = (await harness.administrator.people.GetPerson(request)).person
    assert whole.date_of_birth
    shown = (await harness.client(session.proctor_id, "proctor").people.GetPerson(request)).person
    assert shown == Person(
        person_id=whole.person_id,
        legal_name=whole.legal_name,
        preferred_name=whole.preferred_name,
    )


async def names(client: Client, *person_ids: str) -> dict[str, tuple[str, str]]:
    listed = await client.people.BatchGetNames(BatchGetNamesRequest(person_ids=person_ids))
    return {name.person_id: (name.preferred_name, name.legal_name) for name in listed.names}


async def test_members_of_a_session_read_names(harness: Harness) -> None:
    session = await harness.session()
    (learner_id,) = session.learner_ids
    other_learner_id = await harness.registered_learner(session.course.course_id)
    await harness.deliver(joined_event(session, other_learner_id))
    other = await harness.session()
    (other_id,) = other.learner_ids
    requested = (learner_id, other_learner_id, session.proctor_id, other_id, str(new_id()))
    name = ("Lena Fischer", "Lena Fischer")

    assert await names(harness.administrator, *requested) == dict.fromkeys(requested[:4], name)
    proctor = harness.client(session.proctor_id, "proctor")
    assert await names(proctor, *requested) == dict.fromkeys(requested[:3], name)
    # A learner can read their own names, and the preferred name (but not the legal name) of the session's proctor.
    # A learner cannot read the names of other learners.
    learner = harness.learner(learner_id)
    assert await names(learner, *requested) == dict.fromkeys(
        (learner_id, session.proctor_id), ("Lena Fischer", "")
    )
    stranger = harness.client(new_id(), "proctor", "learner")
    assert await names(stranger, *requested) == {}


async def test_names_are_in_the_order_of_the_request(harness: Harness) -> None:
    people = [(await harness.person()).person_id for _ in range(3)]
    requested = [people[2], str(new_id()), people[0], people[1], people[2]]
    assert list(await names(harness.administrator, *requested)) == [
        people[2],
        people[0],
        people[1],
    ]


async def test_names_need_a_token(harness: Harness) -> None:
    call = harness.anonymous.people.BatchGetNames(BatchGetNamesRequest())
    assert (await refusal(call)).reason == "TOKEN_MISSING"


async def test_people_have_pages_by_name(harness: Harness) -> None:
    created = {(await harness.person(name=name)).person_id: name for name in ("Cy", "Ada", "Ada")}
    listed: list[Person] = []
    token = ""
    while True:
        page = await harness.administrator.people.ListPeople(
            ListPeopleRequest(page_size=7, page_token=token)
        )
        listed += page.people
        token = page.next_page_token
        if not token:
            break
        assert len(page.people) == 7
    mine = [person.legal_name for person in listed if person.person_id in created]
    assert mine == ["Ada", "Ada", "Cy"]
    assert len({person.person_id for person in listed}) == len(listed)


async def test_page_token_of_another_list_is_refused(harness: Harness) -> None:
    call = harness.administrator.people.ListPeople(ListPeopleRequest(page_token="nonsense"))
    assert (await refusal(call)).reason == "INVALID_PAGE_TOKEN"


# Roles and certification.


def certify(
    harness: Harness, person_id: str, days: int = 365, request_id: str = ""
) -> CertifyProctorRequest:
    until: Timestamp = stamp(harness.clock.now + timedelta(days=days))
    return CertifyProctorRequest(
        request_id=request_id, person_id=person_id, certified_until_time=until
    )


async def test_role_is_granted_once(harness: Harness) -> None:
    person = await harness.person()
    grant = GrantRoleRequest(person_id=person.person_id, role=ROLE_ADMINISTRATOR)
    for _ in range(2):
        granted = await harness.administrator.people.GrantRole(grant)
        assert list(granted.person.roles) == [ROLE_LEARNER, ROLE_ADMINISTRATOR]
    unknown = GrantRoleRequest(person_id=str(new_id()), role=ROLE_LEARNER)
    call = harness.administrator.people.GrantRole(unknown)
    assert (await refusal(call)).reason == "NOT_FOUND"


async def test_certifying_a_proctor_publishes_an_event(
    harness: Harness,
) -> None:
    proctor = await harness.person("proctor")
    certification = certify(harness, proctor.person_id, request_id=str(new_id()))
    for _ in range(2):
        certified = await harness.administrator.people.CertifyProctor(certification)
        assert certified.person.certified_until_time == certification.certified_until_time
    (event,) = await harness.events(PersonCertified)
    assert event.person_id == proctor.person_id
    assert event.certified_until_time == certification.certified_until_time


async def test_only_a_proctor_can_be_certified(harness: Harness) -> None:
    learner = await harness.person()
    call = harness.administrator.people.CertifyProctor(certify(harness, learner.person_id))
    error = await refusal(call)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "INVALID_STATE_TRANSITION")
    call = harness.administrator.people.CertifyProctor(certify(harness, str(new_id())))
    assert (await refusal(call)).reason == "NOT_FOUND"
    assert await harness.events(PersonCertified) == []


# The tests below read people as other services do.


async def test_session_orchestration_reads_certifications(harness: Harness) -> None:
    certified = await harness.person("proctor")
    other = await harness.person("proctor")
    certification = certify(harness, certified.person_id, days=-1)
    await harness.administrator.people.CertifyProctor(certification)
    request = BatchGetCertificationsRequest(person_ids=[certified.person_id, other.person_id])
    for client in (harness.peer("session"), harness.administrator):
        listed = await client.people.BatchGetCertifications(request)
        assert list(listed.certifications) == [
            Certification(
                person_id=certified.person_id,
                certified_until_time=certification.certified_until_time,
            )
        ]
    learner = harness.learner(other.person_id)
    assert (await refusal(learner.people.BatchGetCertifications(request))).reason == "NOT_ALLOWED"
    service = harness.peer("identity")
    assert (await refusal(service.people.BatchGetCertifications(request))).reason == "TOKEN_MISSING"


async def test_session_orchestration_checks_people(harness: Harness) -> None:
    person = await harness.person()
    strangers = sorted(str(new_id()) for _ in range(2))
    check = CheckPeopleRequest(person_ids=[strangers[1], person.person_id, *strangers])
    listed = await harness.peer("session").people.CheckPeople(check)
    assert list(listed.missing_person_ids) == strangers
    for client in (harness.peer("notification"), harness.administrator):
        assert (await refusal(client.people.CheckPeople(check))).reason == "NOT_ALLOWED"


async def test_identity_and_assessment_read_registration_information(
    harness: Harness,
) -> None:
    person = await harness.person()
    request = GetRegistrationInformationRequest(person_id=person.person_id)
    for name in ("identity", "assessment"):
        registered = await harness.peer(name).people.GetRegistrationInformation(request)
        assert (registered.legal_name, registered.date_of_birth) == ("Lena Fischer", "2001-04-17")
    for client in (harness.peer("session"), harness.administrator):
        call = client.people.GetRegistrationInformation(request)
        assert (await refusal(call)).reason == "NOT_ALLOWED"
    unknown = GetRegistrationInformationRequest(person_id=str(new_id()))
    call = harness.peer("identity").people.GetRegistrationInformation(unknown)
    assert (await refusal(call)).reason == "NOT_FOUND"


async def test_notification_reads_contacts(harness: Harness) -> None:
    person = (await harness.administrator.people.CreatePerson(request())).person
    contacts = BatchGetContactsRequest(person_ids=[person.person_id, str(new_id())])
    listed = await harness.peer("notification").people.BatchGetContacts(contacts)
    assert list(listed.contacts) == [
        Contact(
            person_id=person.person_id,
            email=person.email,
            preferred_name="Leni",
            locale="de",
            time_zone="Europe/Berlin",
        )
    ]
    for client in (harness.peer("session"), harness.administrator):
        assert (await refusal(client.people.BatchGetContacts(contacts))).reason == "NOT_ALLOWED"
