const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** Pauses after the first failure, the second …: 12 attempts within two days, as RFC 5321 section 4.5.4.1 has it. */
export const mailRetryDelaysMs: readonly number[] = [
  30 * secondMs,
  2 * minuteMs,
  10 * minuteMs,
  ...[1, 2, 4, 6, 8, 8, 8, 10].map((hours) => hours * hourMs),
];
