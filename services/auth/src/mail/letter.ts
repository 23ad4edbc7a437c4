/** A mail as people read it. Every value in it may come from a stranger. */
export interface Letter {
  subject: string;
  /** Whom it is for; empty when unknown. */
  name: string;
  paragraphs: readonly (string | LetterLink)[];
  /** Where Ocelli is, for the last line. */
  publicUrl: string;
}

/** A link on a line of its own. */
export interface LetterLink {
  label: string;
  url: string;
}

/** Both forms of a letter, saying the same. */
export function renderLetter(letter: Letter): { subject: string; text: string; html: string } {
  const greeting = letter.name === "" ? "Hello," : `Hello ${letter.name},`;
  const footer = `Sent by Ocelli at ${letter.publicUrl}. Nobody reads answers to this address.`;
  return {
    subject: letter.subject,
    text: renderText([greeting, ...letter.paragraphs], footer),
    html: renderHtml(letter.subject, [greeting, ...letter.paragraphs], footer),
  };
}

function renderText(paragraphs: readonly (string | LetterLink)[], footer: string): string {
  const lines = paragraphs.map((each) => (typeof each === "string" ? each : `${each.label}:\n${each.url}`));
  return `${[...lines, "-- ", footer].join("\n\n").replace("-- \n\n", "-- \n")}\n`;
}

/** No pictures, fonts or styles from elsewhere: opening the mail tells nobody. */
function renderHtml(subject: string, paragraphs: readonly (string | LetterLink)[], footer: string): string {
  const body = paragraphs.map((each) =>
    typeof each === "string"
      ? `<p>${escapeHtml(each)}</p>`
      : `<p><a href="${escapeHtml(each.url)}">${escapeHtml(each.label)}</a></p>`,
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<title>${escapeHtml(subject)}</title></head>`,
    '<body style="font-family: sans-serif; line-height: 1.5; max-width: 36em; margin: 0 auto; padding: 1em">',
    ...body,
    `<p style="color: #666; font-size: 0.85em">${escapeHtml(footer)}</p>`,
    "</body></html>",
  ].join("\n");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
