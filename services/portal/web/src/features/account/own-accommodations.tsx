// The accommodations of the signed-in person. Nothing is shown to a person without accommodations.
import type { JSX } from "preact";
import { accommodations } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { ProblemNote } from "../../components/problem-note";
import { messages } from "../../messages";

const text = messages.account.accommodations;

export function OwnAccommodations({ personId }: { personId: string }): JSX.Element | null {
  const { data, problem } = useQuery(`own-accommodations/${personId}`, () =>
    accommodations.getAccommodations({ personId }),
  );
  const own = data?.accommodations;
  if (problem !== undefined) return <ProblemNote problem={problem} />;
  if (own === undefined) return null;
  const { extraTimePercent, extraBreakMinutes, alternativeIdentityCheck, assistiveTechnology, proctorNote } = own;
  if (!(extraTimePercent || extraBreakMinutes || alternativeIdentityCheck || assistiveTechnology || proctorNote))
    return null;
  return (
    <section class="card">
      <h2>{text.title}</h2>
      <p>{text.who}</p>
      <dl>
        {extraTimePercent > 0 && (
          <>
            <dt>{text.extraTime}</dt>
            <dd>{text.extraTimeValue(extraTimePercent)}</dd>
          </>
        )}
        {extraBreakMinutes > 0 && (
          <>
            <dt>{text.extraBreak}</dt>
            <dd>{text.extraBreakValue(extraBreakMinutes)}</dd>
          </>
        )}
        {alternativeIdentityCheck && (
          <>
            <dt>{text.identityCheck}</dt>
            <dd>{text.identityCheckValue}</dd>
          </>
        )}
        {assistiveTechnology && (
          <>
            <dt>{text.assistiveTechnology}</dt>
            <dd>{assistiveTechnology}</dd>
          </>
        )}
        {proctorNote && (
          <>
            <dt>{text.proctorNote}</dt>
            <dd>{proctorNote}</dd>
          </>
        )}
      </dl>
    </section>
  );
}
