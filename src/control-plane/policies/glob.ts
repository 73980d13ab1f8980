/**
 * The wildcards of policies: `*` is any text, `?` any one character. Takes time in proportion to both lengths
 * multiplied at worst, whatever the pattern.
 */
export function glob(pattern: string, text: string): boolean {
  let at = 0;
  let textAt = 0;
  /** Where the last `*` stands, and how much of the text it has taken so far. */
  let star = -1;
  let taken = 0;
  while (textAt < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      taken = textAt;
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[textAt])) {
      at++;
      textAt++;
    } else if (star >= 0) {
      at = star + 1;
      textAt = ++taken;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
