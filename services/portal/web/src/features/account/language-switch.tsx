// The choice of the language of the pages, which this browser stores.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messages } from "../../messages";
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES, type Language, language } from "../../messages/language";
import { pendingQuestions } from "../../offline/answer-journal";
import { me } from "./current-user";

const text = messages.common;

/** The choice of the language. A new choice reloads the page, and is refused while answers of the person are unsent. */
export function LanguageSwitch(): JSX.Element {
  const [refused, setRefused] = useState(false);
  const choose = (chosen: Language): void => {
    const personId = me.peek()?.personId;
    const isPending = personId !== undefined && pendingQuestions(personId) > 0;
    setRefused(isPending);
    if (!isPending && chooseLanguage(chosen, personId)) location.reload();
  };
  return (
    <div class="row" role="group" aria-label={text.language}>
      {LANGUAGES.map((each) => (
        <button
          key={each}
          type="button"
          class="link"
          lang={each}
          aria-pressed={each === language}
          onClick={() => choose(each)}
        >
          {LANGUAGE_NAMES[each]}
        </button>
      ))}
      <p role="status">{refused && text.languageNotChanged}</p>
    </div>
  );
}
