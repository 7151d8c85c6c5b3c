// The account of the signed-in person: their identity in Proctorium, and a form for a new password.
import type { JSX } from "preact";
import { useAction } from "../../api/use-action";
import { ConfirmAction } from "../../components/confirm-button";
import { Field } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { PageTitle } from "../../components/page-title";
import { messages } from "../../messages";
import { navigate } from "../../route";
import { changePassword, hasRole, me, Role, signOutEverywhere } from "./current-user";
import { OwnAccommodations } from "./own-accommodations";

const text = messages.account;

export function AccountPage(): JSX.Element {
  return (
    <section class="narrow">
      <PageTitle>{text.title}</PageTitle>
      <dl>
        <dt>{text.legalName}</dt>
        <dd dir="auto">{me.value?.legalName}</dd>
        <dt>{text.email}</dt>
        <dd dir="auto">{me.value?.email}</dd>
      </dl>
      {me.value && <OwnAccommodations personId={me.value.personId} />}
      <NewPassword />
      <SignOutEverywhere />
    </section>
  );
}

function SignOutEverywhere(): JSX.Element {
  const leave = async (requestId: string): Promise<void> => {
    await signOutEverywhere(requestId);
    navigate("/");
  };
  return (
    <section class="card">
      <h2>{text.signOutEverywhere}</h2>
      <p>{text.signOutEverywhereHint}</p>
      <ConfirmAction
        label={text.signOutEverywhereLabel}
        consequence={text.signOutEverywhereConsequence(hasRole(Role.LEARNER))}
        confirmLabel={text.signOutEverywhereConfirm}
        cancelLabel={text.staySignedInNow}
        action={leave}
      />
    </section>
  );
}

function NewPassword(): JSX.Element {
  const { busy, problem, run } = useAction();
  const change = (event: SubmitEvent): void => {
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    event.preventDefault();
    // Passwords are not trimmed, because spaces at the start and the end are part of a password.
    const [present, next] = ["current_password", "new_password"].map((name) => String(fields.get(name)));
    void run(async () => {
      await changePassword(present ?? "", next ?? "");
      navigate("/");
    });
  };
  return (
    <Form class="card" problem={problem} onSubmit={change} aria-labelledby="new-password">
      <h2 id="new-password">{text.changePassword}</h2>
      <Field
        label={text.currentPassword}
        name="current_password"
        type="password"
        autoComplete="current-password"
        required
        maxLength={256}
      />
      <Field
        label={text.newPassword}
        hint={text.newPasswordHint}
        name="new_password"
        type="password"
        autoComplete="new-password"
        required
        minLength={12}
        maxLength={256}
      />
      <p>{text.changePasswordConsequence(hasRole(Role.LEARNER))}</p>
      <FormProblem problem={problem} />
      <button type="submit" disabled={busy}>
        {text.changePassword}
      </button>
    </Form>
  );
}
