/** What the tests of README and guides read in Markdown: blocks of code, fences, links. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Contents of the blocks of code in this language (a regular expression), in order. */
export const blocksOf = (language: string, text: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((m) => m[1]!);

/** Fences that open a block inside another, or leave one open. */
export function openFences(text: string): string[] {
  const fences = text.match(/^```.*$/gm) ?? [];
  const wrong = fences.filter((fence, i) => (i % 2 === 0) !== /^```[a-z]+$/.test(fence));
  return fences.length % 2 === 0 ? wrong : [...wrong, fences.at(-1)!];
}

const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );

/** Links of a text in `dir` to files or headings that there are not; links to other sites are not followed. */
export function brokenLinks(text: string, dir: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to!).filter((to) => !/^[a-z]+:/.test(to));
  return links.filter((to) => {
    const [file, anchor] = to.split('#') as [string, string | undefined];
    const path = join(dir, file);
    if (file !== '' && !existsSync(path)) return true;
    return anchor !== undefined && !anchorsOf(file === '' ? text : readFileSync(path, 'utf8')).includes(anchor);
  });
}
