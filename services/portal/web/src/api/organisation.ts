// The organisation that runs this installation: its name, and its contacts for help.
import { signal } from "@preact/signals";
import type { Organisation } from "../gen/proctorium/enrollment/v1/organisation_pb";
import { organisation } from "./client";

export const organisationDetails = signal<Organisation | undefined>(undefined);

/** Load the organisation's details. A failure is ignored, because pages work without these details. */
export async function loadOrganisationDetails(): Promise<void> {
  const response = await organisation.getOrganisation({}).catch(() => undefined);
  if (response !== undefined) organisationDetails.value = response.organisation;
}
