import { z } from "zod";
import { codePoints } from "./passwords.ts";

const maxLength = 100;
// Control characters, line breaks, and those that reorder the text around a name.
const forbidden = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** A name that people give to themselves or to a key; its messages are fit for them. */
export const displayName = z
  .string()
  .trim()
  .refine((text) => text.length > 0, "must not be empty")
  .refine((text) => codePoints(text) <= maxLength, `must have at most ${maxLength} characters`)
  .refine((text) => !forbidden.test(text), "must not contain control characters");
