/** What a build of the library makes of the golden messages: a line per message. */
export function report(api: object): string[];
