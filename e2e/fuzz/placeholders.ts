/** Who asks: nobody, the user whose data the requests are about, her key, another user, the administrator. */
export const callers = ["nobody", "user", "key", "other", "admin"] as const;

/** See {@link callers}. */
export type Caller = (typeof callers)[number];

/** What requests are about; names as in paths. */
export const resources = [
  "photos",
  "albums",
  "jobs",
  "people",
  "faces",
  "smart-albums",
  "webhooks",
  "users",
  "api-keys",
  "sessions",
  "uploads",
] as const;

/** See {@link resources}. */
export type Resource = (typeof resources)[number];

/** What stands behind the placeholders of a request: ids differ from run to run, and requests are kept. */
export interface Known {
  /** Of the user who asks. */
  own: Readonly<Record<Resource, string>>;
  /** Of somebody else, who shares nothing. */
  foreign: Readonly<Record<Resource, string>>;
  /** Tokens of further pages: of the user's lists, then of the other's. */
  tokens: readonly string[];
}

/** `~own.photos~`, `~foreign.albums~`. */
export function idPlaceholder(whose: "own" | "foreign", resource: Resource): string {
  return `~${whose}.${resource}~`;
}

/** `~token.2~`, or with its end cut off (`~token.2.cut.7~`) or a bit of a character flipped (`~token.2.flip.7~`). */
export function tokenPlaceholder(index: number, damage?: { kind: "cut" | "flip"; at: number }): string {
  return damage ? `~token.${index}.${damage.kind}.${damage.at}~` : `~token.${index}~`;
}

const pattern = /~(?:(own|foreign)\.([a-z-]+)|token\.(\d+)(?:\.(cut|flip)\.(\d+))?)~/g;

/** Puts what is known in the place of the placeholders. */
export function fillIn(text: string, known: Known): string {
  return text.replace(
    pattern,
    (_all, whose?: string, resource?: string, token?: string, damage?: string, at?: string) => {
      if (token === undefined) {
        const ids: Readonly<Record<string, string>> = whose === "own" ? known.own : known.foreign;
        return ids[resource ?? ""] ?? "";
      }
      const whole = known.tokens[Number(token) % known.tokens.length] ?? "";
      if (damage === undefined || whole === "") return whole;
      const position = Number(at) % whole.length;
      if (damage === "cut") return whole.slice(0, position);
      const flipped = String.fromCharCode(whole.charCodeAt(position) ^ 1);
      return whole.slice(0, position) + encodeURIComponent(flipped) + whole.slice(position + 1);
    },
  );
}
