"""Calendar entries of sessions (RFC 5545, RFC 5546)."""

from __future__ import annotations

from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress, vText

from proctorium_notification.domain.topics import Session


def calendar_entry(
    session: Session,
    method: str,
    *,
    organizer: str,
    attendee: str,
    link: str,
    now: datetime,
) -> str:
    """Return an iCalendar text with one entry for the session.

    The method `REQUEST` adds the entry to the recipient's calendar, and `CANCEL` removes it. All messages about a
    session use the same UID, so that the calendar has only one entry for the session.
    """
    event = Event()
    event.add("uid", f"{session.session_id}@{organizer.rpartition('@')[2]}")
    event.add("sequence", 1 if method == "CANCEL" else 0)
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", session.start_at.astimezone(UTC))
    event.add("dtend", session.end_at.astimezone(UTC))
    event.add("summary", session.title)
    event.add("url", link)
    event.add("organizer", vCalAddress(f"mailto:{organizer}"))
    invitee = vCalAddress(f"mailto:{attendee}")
    invitee.params["ROLE"] = vText("REQ-PARTICIPANT")
    invitee.params["RSVP"] = vText("FALSE")
    event.add("attendee", invitee)
    calendar = Calendar()
    calendar.add("prodid", "-//Proctorium//Notification//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    return str(calendar.to_ical(), "utf-8")
