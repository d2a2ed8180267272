/**
 * Numbers as people in Bangladesh read them: the last three digits, then groups of two (lakh, crore). Without `Intl`, whose
 * output differs between runtimes.
 */

/** Rounded to `decimals` digits, half away from zero, and grouped: 1234567.5 is 12,34,568. */
export function formatLakh(value: number, decimals = 0): string {
  // The binary number nearest to 1.005 is below it; a few units in its last place decide such ties as written.
  const magnitude = Math.abs(value) * (1 + 4 * Number.EPSILON);
  const [whole, fraction] = magnitude.toFixed(decimals).split('.');
  const grouped = whole.replace(/\B(?=(\d\d)*\d{3}$)/g, ',');
  const digits = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return value < 0 && /[1-9]/.test(digits) ? `−${digits}` : digits;
}

/** ৳1,20,000 and −৳500; with `decimals: 2` in taka and paisa, ৳0.05. */
export function formatBdt(bdt: number, decimals = 0): string {
  return formatLakh(bdt, decimals).replace(/\d/, '৳$&');
}
