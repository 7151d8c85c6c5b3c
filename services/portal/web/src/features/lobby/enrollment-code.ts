// Parses enrollment codes by the rules of the enrollment service (domain/code_texts.py).
import { messages } from "../../messages";

// White space, control characters, invisible characters and dashes. The minus sign (U+2212) and the hyphen bullet
// (U+2043) are listed separately, because Unicode's category of dashes (Pd) does not contain them.
const IGNORED = /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\p{Pd}\p{Default_Ignorable_Code_Point}\u2212\u2043]/gu;
const FULL_WIDTH = /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/g;
const FULL_WIDTH_OFFSET = 0xfee0;

export type ParsedCode = { code: string } | { error: string };

/** Return the code in a text, or the reason why the text cannot be a code. Codes are case-sensitive. */
export function parseEnrollmentCode(text: string): ParsedCode {
  const code = text
    .replace(IGNORED, "")
    .replace(FULL_WIDTH, (letter) => String.fromCharCode(letter.charCodeAt(0) - FULL_WIDTH_OFFSET));
  if (/^[A-Za-z0-9]{6,8}$/.test(code)) return { code };
  const characters = [...code];
  const invalid = characters.find((character) => !/[A-Za-z0-9]/.test(character));
  const { codeInvalidCharacter, codeInvalidLength } = messages.lobby;
  return { error: invalid === undefined ? codeInvalidLength(characters.length) : codeInvalidCharacter(invalid) };
}
