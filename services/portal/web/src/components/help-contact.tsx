// The organisation's contacts for help.
import type { JSX } from "preact";
import { organisationDetails } from "../api/organisation";
import { messages } from "../messages";

export function HelpContact(): JSX.Element | null {
  const organisation = organisationDetails.value;
  if (!organisation?.administratorContact) return null;
  return (
    <p class="quiet help">
      {messages.common.help}{" "}
      <a href={`mailto:${organisation.administratorContact}`}>
        <bdi>{organisation.administratorContact}</bdi>
      </a>
      {organisation.supportPhone && (
        <>
          {" · "}
          <a href={`tel:${organisation.supportPhone.replace(/[^+0-9]/g, "")}`}>
            <bdi>{organisation.supportPhone}</bdi>
          </a>
        </>
      )}
    </p>
  );
}
