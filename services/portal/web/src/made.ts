// What one service makes a moment after another has spoken of it.
import { problemOf } from "./calls";

const MOST_TRIES = 30;
const PAUSE_MS = 1000;

/** Asks again every second while the refusal has the reason `notYet`, half a minute long. */
export async function whenMade<Made>(notYet: string, ask: () => Promise<Made>): Promise<Made> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (thrown) {
      if (problemOf(thrown).reason !== notYet || tries === MOST_TRIES) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
