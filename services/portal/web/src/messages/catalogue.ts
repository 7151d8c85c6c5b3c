// The type of the message catalogues. The English catalogue defines which texts each language has to provide.
import type { en } from "./en";

/** Widens literal texts to `string`, so that a translation can differ. */
type Translatable<Texts> = Texts extends string
  ? string
  : Texts extends (...parameters: infer Parameters) => infer Result
    ? (...parameters: Parameters) => Result extends string ? string : Result
    : { readonly [Key in keyof Texts]: Translatable<Texts[Key]> };

/** The catalogue that each language has to provide: texts by feature, and functions for texts with parameters. */
export type Messages = Translatable<typeof en>;
