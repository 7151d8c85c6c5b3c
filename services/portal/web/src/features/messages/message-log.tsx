// The messages of a conversation.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import type { LoadedConversation } from "./use-conversation";

const text = messages.conversations;

interface MessageLogProps {
  label: string;
  conversation: LoadedConversation;
  sender: (message: Message) => string;
}

/** Shows a conversation, with the newest message at the end. Screen readers read new messages. */
export function MessageLog({ label, conversation, sender }: MessageLogProps): JSX.Element {
  const { messages: shown, problem, hasEarlier, loadEarlier } = conversation;
  const log = useRef<HTMLDivElement>(null);
  const newest = shown?.at(-1)?.sequence ?? 0;
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [newest]);
  return (
    <>
      <ProblemNote problem={problem} />
      {shown === undefined && problem === undefined && <Loading what={text.theMessages} />}
      {hasEarlier && (
        <button type="button" class="plain" onClick={loadEarlier}>
          {text.showEarlier}
        </button>
      )}
      {shown?.length === 0 && <p class="quiet">{text.none}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls only elements that take the focus */}
      <div ref={log} role="log" aria-label={label} class="log" tabIndex={0}>
        {shown?.map((message) => (
          <MessageText key={message.sequence} message={message} sender={sender(message)} />
        ))}
      </div>
    </>
  );
}

export function MessageText({ message, sender }: { message: Message; sender: string }): JSX.Element {
  return (
    <article class="message">
      <p class="quiet">
        <strong dir="auto">{sender}</strong>, {dateTime(message.sendTime)}
      </p>
      <p class="text" dir="auto">
        {message.text}
      </p>
    </article>
  );
}
