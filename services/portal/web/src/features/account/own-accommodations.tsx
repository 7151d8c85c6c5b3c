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
  if (!own || !(own.extraTimePercent || own.extraBreakMinutes || own.assistiveTechnology || own.proctorNote))
    return null;
  return (
    <section class="card">
      <h2>{text.title}</h2>
      <p>{text.who}</p>
      <dl>
        {own.extraTimePercent > 0 && (
          <>
            <dt>{text.extraTime}</dt>
            <dd>{text.extraTimeValue(own.extraTimePercent)}</dd>
          </>
        )}
        {own.extraBreakMinutes > 0 && (
          <>
            <dt>{text.extraBreak}</dt>
            <dd>{text.extraBreakValue(own.extraBreakMinutes)}</dd>
          </>
        )}
        {own.assistiveTechnology && (
          <>
            <dt>{text.assistiveTechnology}</dt>
            <dd>{own.assistiveTechnology}</dd>
          </>
        )}
        {own.proctorNote && (
          <>
            <dt>{text.proctorNote}</dt>
            <dd>{own.proctorNote}</dd>
          </>
        )}
      </dl>
    </section>
  );
}
