/** A metric as an expression uses it. */
export interface Selector {
  metric: string;
  /** Labels in its braces. */
  labels: string[];
}

const functions = new Set(
  `abs absent absent_over_time avg avg_over_time by bottomk ceil changes count count_over_time delta deriv floor
  group_left group_right histogram_quantile ignoring increase irate label_replace last_over_time max max_over_time min
  min_over_time offset on or and unless present_over_time quantile rate round scalar sort stddev sum sum_over_time time
  topk vector without bool inf nan`.split(/\s+/),
);

/** Metrics and their matchers in an expression. Texts, windows, numbers and label lists are passed over. */
export function selectorsOf(expression: string): Selector[] {
  const plain = expression
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ")
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(/\boffset\s+\w+/g, " ");
  const found = plain.matchAll(/([a-zA-Z_:][\w:]*)(?:\s*\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?/g);
  return [...withoutTexts(found)];
}

function* withoutTexts(found: Iterable<RegExpMatchArray>): Iterable<Selector> {
  for (const [, metric = "", matchers = ""] of found) {
    if (functions.has(metric.toLowerCase())) continue;
    const labels = matchers.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g);
    yield { metric, labels: [...labels].map(([, label = ""]) => label) };
  }
}

/** Labels by which an expression groups, joins or matches. */
export function groupedLabelsOf(expression: string): string[] {
  const lists = expression.matchAll(/\b(?:by|on|group_left)\s*\(([^)]*)\)/g);
  return [...lists].flatMap(([, list = ""]) =>
    list
      .split(",")
      .map((label) => label.trim())
      .filter(Boolean),
  );
}
