// What a terminal would act on: control characters, and marks that turn the direction of text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ACTIVE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text that comes from outside, so that a terminal shows it and does nothing else. */
export function printable(text: string): string {
  return text.replace(ACTIVE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Text from outside in quotes. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}
