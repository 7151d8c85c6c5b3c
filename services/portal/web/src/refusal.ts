/** What a page itself refuses before it asks a service; shown like a service's refusal. */
export class Refusal extends Error {
  constructor(
    readonly reason: string,
    sentence: string,
  ) {
    super(sentence);
  }
}
