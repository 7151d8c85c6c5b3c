// The account of the signed-in person: their identity in Proctorium, and a form for a new password.
import type { JSX } from "preact";
import { ConfirmedAction } from "../confirmed";
import { Field, Form, FormProblem, typed } from "../forms";
import { changePassword, isA, me, Role, signOutEverywhere } from "../me";
import { Title, useAction } from "../parts";
import { go } from "../route";
import { ANSWERS_STAY } from "../sign-out";

export function AccountPage(): JSX.Element {
  return (
    <section class="narrow">
      <Title>Your account</Title>
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
    go("/");
  };
  return (
    <section class="card">
      <h2>Sign out everywhere</h2>
      <p>Use this if you forgot to sign out on another computer, or if somebody else may have used your account.</p>
      <ConfirmedAction
        ask="Sign out everywhere…"
        meaning={`You are signed out on every device within seconds, including this one.${isA(Role.LEARNER) ? ` ${ANSWERS_STAY}` : ""}`}
        yes="Sign out everywhere now"
        no="Stay signed in"
        act={leave}
      />
    </section>
  );
}

function NewPassword(): JSX.Element {
  const { busy, problem, run } = useAction();
  const change = (event: SubmitEvent): void => {
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    typed(event);
    // A blank at either end belongs to a password.
    const [present, next] = ["current_password", "new_password"].map((name) => String(fields.get(name)));
    void run(async () => {
      await changePassword(present ?? "", next ?? "");
      go("/");
    });
  };
  return (
    <Form class="card" problem={problem} submit={change} aria-labelledby="new-password">
      <h2 id="new-password">Change the password</h2>
      <Field label="Present password" name="current_password" type="password" autoComplete="current-password" required maxLength={256} />
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
        {isA(Role.LEARNER) && " Answers that wait on a device are kept there."}
      </p>
      <FormProblem problem={problem} />
      <button type="submit" disabled={busy}>
        Change the password
      </button>
    </Form>
  );
}
