// Parses enrollment codes by the rules of enrollment's domain/code_texts.py.
import { messages } from "../../messages";

// White space, controls, invisible characters and dashes; the minus sign and the hyphen bullet are dashes of other categories.
const IGNORED = /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\p{Pd}\p{Default_Ignorable_Code_Point}\u2212\u2043]/gu;
const FULL_WIDTH = /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/g;
const FULL_WIDTH_OFFSET = 0xfee0;

export type ParsedCode = { code: string } | { error: string };

/** Return the code that a text means, or why it cannot be one. Upper and lower case are significant. */
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
