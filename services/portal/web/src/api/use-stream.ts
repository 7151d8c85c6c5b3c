// A hook that watches a stream.
import { useEffect, useRef, useState } from "preact/hooks";
import { type Stream, type StreamOptions, type StreamState, watchStream } from "./stream";

/** Watch a stream while the component is shown. When `key` changes, watch a new stream from its start. */
export function useStream<Message extends { cursor?: string }, View>(
  key: string,
  open: StreamOptions<Message, View>["open"],
  merge: StreamOptions<Message, View>["merge"],
): StreamState<View> & Pick<Stream, "reopen"> {
  const [state, setState] = useState<StreamState<View>>({ view: undefined, connected: false, problem: undefined });
  const latest = useRef({ open, merge });
  latest.current = { open, merge };
  const stream = useRef<Stream | undefined>(undefined);
  const { current: reopen } = useRef(() => stream.current?.reopen());
  useEffect(() => {
    const watched = watchStream<Message, View>({
      open: (cursor, options) => latest.current.open(cursor, options),
      merge: (before, message) => latest.current.merge(before, message),
      onChange: setState,
    });
    stream.current = watched;
    return () => watched.close();
  }, [key]);
  return { ...state, reopen };
}
