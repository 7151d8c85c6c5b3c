// The account of the signed-in person: their identity in Proctorium, and a form for a new password.
import type { JSX } from "preact";
import { useAction } from "../../api/use-action";
import { ConfirmAction } from "../../components/confirm-button";
import { Field } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { PageTitle } from "../../components/page-title";
import { navigate } from "../../route";
import { changePassword, hasRole, me, Role, signOutEverywhere } from "./current-user";
import { ANSWERS_STAY } from "./sign-out";

export function AccountPage(): JSX.Element {
  return (
    <section class="narrow">
      <PageTitle>Your account</PageTitle>
      <dl>
        <dt>Legal name</dt>
        <dd>{me.value?.legalName}</dd>
        <dt>E-mail address</dt>
        <dd>{me.value?.email}</dd>
      </dl>
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
      <h2>Sign out everywhere</h2>
      <p>Use this if you forgot to sign out on another computer, or if somebody else may have used your account.</p>
      <ConfirmAction
        label="Sign out everywhere…"
        consequence={`You are signed out on every device within seconds, including this one.${hasRole(Role.LEARNER) ? ` ${ANSWERS_STAY}` : ""}`}
        confirmLabel="Sign out everywhere now"
        cancelLabel="Stay signed in"
        action={leave}
      />
    </section>
  );
}

function NewPassword(): JSX.Element {
  const { busy, problem, run } = useAction();
  const change = (event: SubmitEvent): void => {
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    readForm(event);
    // A blank at either end belongs to a password.
    const [present, next] = ["current_password", "new_password"].map((name) => String(fields.get(name)));
    void run(async () => {
      await changePassword(present ?? "", next ?? "");
      navigate("/");
    });
  };
  return (
    <Form class="card" problem={problem} onSubmit={change} aria-labelledby="new-password">
      <h2 id="new-password">Change the password</h2>
      <Field
        label="Present password"
        name="current_password"
        type="password"
        autoComplete="current-password"
        required
        maxLength={256}
      />
      <Field
        label="New password"
        hint="At least 12 characters."
        name="new_password"
        type="password"
        autoComplete="new-password"
        required
        minLength={12}
        maxLength={256}
      />
      <p>
        When you change it, you are signed out everywhere, here too, and sign in with the new password.
        {hasRole(Role.LEARNER) && " Answers that wait on a device are kept there."}
      </p>
      <FormProblem problem={problem} />
      <button type="submit" disabled={busy}>
        Change the password
      </button>
    </Form>
  );
}
